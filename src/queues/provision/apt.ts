import { execFile } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { arch, tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { childEnvironment, type Environment } from '../../config/environment.js';
import { isExecutable, isRecent, type Progress, type RedisBinary, redisVersion } from './binary.js';
import { missingLibraries, packagesFor } from './libraries.js';

const run = promisify(execFile);
const COMMAND_LIMIT_MS = 120_000;
const ABANDONED_MS = 3_600_000;

/**
 * The Redis of the cache folder; fetched first, without root, if it is not there yet (Debian and Ubuntu only).
 * Processes that fetch at the same time each unpack into a folder of their own, and the first to finish names it.
 * @throws Error with a reason in one line.
 */
export async function fetchRedis(environment: Environment, progress: Progress): Promise<RedisBinary> {
  const base = await writableFolder(environment);
  const home = join(base, await systemName());
  const cached = await usable(home);
  if (cached !== null) return cached;
  for (const tool of ['apt-get', 'apt-cache', 'dpkg-deb', 'ldd']) {
    if (!(await onPath(environment, tool))) throw new Error(`cannot fetch one: this system has no ${tool}`);
  }
  progress('No Redis on this machine: fetching one into the cache folder (no root needed) ...');
  await removeAbandoned(base);
  const work = await mkdtemp(join(base, 'fetch-'));
  try {
    await download(work);
    const root = join(work, 'root');
    if ((await usable(root)) === null) throw new Error('the fetched redis-server does not run here');
    // A cached copy that no longer runs (the system was upgraded) makes way.
    if ((await usable(home)) === null) await rename(home, join(work, 'old')).catch(ignoreMissing);
    await rename(root, home).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  const fetched = await usable(home);
  if (fetched === null) throw new Error(`the fetched redis-server in ${home} does not run`);
  progress(`Redis ${fetched.version} is in ${home}`);
  return fetched;
}

/** Removes what a fetch that was killed left behind. */
async function removeAbandoned(base: string): Promise<void> {
  for (const name of await readdir(base)) {
    const path = join(base, name);
    const age = Date.now() - (await lstat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (name.startsWith('fetch-') && age > ABANDONED_MS) await rm(path, { recursive: true, force: true });
  }
}

/** Downloads and unpacks the server, then the libraries that this system lacks, into `work`/root. */
async function download(work: string): Promise<void> {
  const root = join(work, 'root');
  const debs = join(work, 'debs');
  const lists = join(work, 'state', 'lists');
  for (const folder of [root, debs, join(lists, 'partial'), join(work, 'cache', 'archives', 'partial')]) {
    await mkdir(folder, { recursive: true });
  }
  // Folders of our own, so that no lock or file of the system's apt is touched; the sandbox user could not write there.
  const options = [
    `Dir::State=${join(work, 'state')}`,
    `Dir::State::Lists=${lists}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${join(work, 'cache')}`,
    'Debug::NoLocking=1',
    'APT::Sandbox::User=',
    'Acquire::Languages=none',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ].flatMap((option) => ['-o', option]);
  const unpack = async (packages: string[]) => {
    await command('apt-get', [...options, 'download', ...packages], debs);
    for (const file of await readdir(debs)) await command('dpkg-deb', ['-x', join(debs, file), root], debs);
    for (const file of await readdir(debs)) await rm(join(debs, file));
  };
  // A third-party source that fails must not stop the others: the download tells whether the lists suffice.
  await command('apt-get', [...options, 'update'], work).catch(() => undefined);
  await unpack(['redis-server', 'redis-tools']);
  const closure = await dependencies(options, work);
  const fetched = new Set<string>();
  // A library may need further ones: each round fetches what the last one showed to be missing.
  for (let round = 0; round < 5; round++) {
    const missing = missingLibraries(await loaderReport(root));
    const packages = packagesFor(missing, closure).filter((name) => !fetched.has(name));
    if (packages.length === 0) return;
    await unpack(packages);
    for (const name of packages) fetched.add(name);
  }
}

async function dependencies(options: string[], folder: string): Promise<string[]> {
  const kinds = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];
  const flags = kinds.map((kind) => `--no-${kind}`);
  const text = await command(
    'apt-cache',
    [...options, 'depends', '--recurse', ...flags, 'redis-tools'],
    folder,
  );
  return text.split('\n').filter((line) => /^[a-z0-9]/.test(line));
}

async function loaderReport(root: string): Promise<string> {
  const env = childEnvironment({ LD_LIBRARY_PATH: await libraryPath(root), LC_ALL: 'C' });
  const { stdout } = await run('ldd', [serverIn(root)], { env, timeout: COMMAND_LIMIT_MS });
  return stdout;
}

async function usable(root: string): Promise<RedisBinary | null> {
  const path = serverIn(root);
  const libraries = await libraryPath(root);
  const version = await redisVersion(path, libraries);
  return version !== null && isRecent(version) ? { path, version, libraryPath: libraries } : null;
}

function serverIn(root: string): string {
  return join(root, 'usr', 'bin', 'redis-server');
}

/** Every folder under `root` that holds a shared library, as LD_LIBRARY_PATH. */
async function libraryPath(root: string): Promise<string> {
  const files = await readdir(root, { recursive: true }).catch(() => []);
  const libraries = files.filter((file) => /\.so(\.|$)/.test(file));
  return [...new Set(libraries.map((file) => join(root, dirname(file))))].sort().join(':');
}

async function command(file: string, args: string[], cwd: string): Promise<string> {
  try {
    const env = childEnvironment({ LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' });
    const { stdout } = await run(file, args, { cwd, env, timeout: COMMAND_LIMIT_MS, maxBuffer: 64 << 20 });
    return stdout;
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    const line = output.split('\n').find((text) => text.startsWith('E:')) ?? output.trim().split('\n').at(-1);
    throw new Error(`${file} failed: ${line ?? 'no output'}`, { cause: error });
  }
}

/** The cache folder, or one in the temp folder for a user whose home cannot be written. */
async function writableFolder(environment: Environment): Promise<string> {
  const wanted = join(environment.cacheDir, 'redis');
  const made = await mkdir(wanted, { recursive: true })
    .then(
      () => mkdtemp(join(wanted, 'probe-')),
      () => null,
    )
    .catch(() => null);
  if (made !== null) {
    await rm(made, { recursive: true, force: true });
    return wanted;
  }
  const { uid } = userInfo();
  const fallback = join(tmpdir(), `sluice-${uid}`);
  await mkdir(fallback, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  // The name can be guessed, so a folder that another user made there is not trusted with what we run.
  const found = await lstat(fallback);
  if (!found.isDirectory() || found.uid !== uid)
    throw new Error(`cannot write ${wanted}, and ${fallback} is not ours`);
  return fallback;
}

async function systemName(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string) =>
    new RegExp(`^${name}="?([A-Za-z0-9._-]+)"?$`, 'm').exec(release)?.[1] ?? 'unknown';
  return `${field('ID')}-${field('VERSION_ID')}-${arch()}`;
}

async function onPath(environment: Environment, name: string): Promise<boolean> {
  const found = await Promise.all(environment.searchPath.map((folder) => isExecutable(join(folder, name))));
  return found.includes(true);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
