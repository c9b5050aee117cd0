import { execFile, spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readEnvironment } from '../../src/config/environment.js';

const run = promisify(execFile);
const FETCH_LIMIT_MS = 150_000;

/** Where `prometheus` and `promtool` are. */
export interface PrometheusTools {
  prometheus: string;
  promtool: string;
}

/** Debian's Prometheus: on PATH, or unpacked into the cache folder, without root, when it is first asked for. */
export async function findPrometheus(): Promise<PrometheusTools> {
  const { searchPath, cacheDir } = readEnvironment();
  const home = join(cacheDir, 'prometheus');
  for (const folder of [...searchPath, join(home, 'usr', 'bin')]) {
    const found = { prometheus: join(folder, 'prometheus'), promtool: join(folder, 'promtool') };
    if (await runs(found.promtool)) return found;
  }
  await fetchPrometheus(home);
  return {
    prometheus: join(home, 'usr', 'bin', 'prometheus'),
    promtool: join(home, 'usr', 'bin', 'promtool'),
  };
}

async function runs(file: string): Promise<boolean> {
  return access(file)
    .then(() => run(file, ['--version']))
    .then(
      () => true,
      () => false,
    );
}

async function fetchPrometheus(home: string): Promise<void> {
  await mkdir(join(home, '..'), { recursive: true });
  const work = await mkdtemp(`${home}-`);
  try {
    for (const folder of ['state/lists/partial', 'cache/archives/partial', 'root'])
      await mkdir(join(work, folder), { recursive: true });
    const options = [
      `Dir::State=${join(work, 'state')}`,
      `Dir::State::Lists=${join(work, 'state', 'lists')}`,
      'Dir::State::status=/var/lib/dpkg/status',
      `Dir::Cache=${join(work, 'cache')}`,
      'Debug::NoLocking=1',
      'APT::Sandbox::User=',
      'Acquire::Languages=none',
    ].flatMap((option) => ['-o', option]);
    const apt = (...args: string[]) =>
      run('apt-get', [...options, ...args], { cwd: work, timeout: FETCH_LIMIT_MS });
    await apt('update');
    await apt('download', 'prometheus');
    const deb = (await readdir(work)).find((name) => name.endsWith('.deb'));
    if (deb === undefined) throw new Error('apt-get downloaded no package prometheus');
    await run('dpkg-deb', ['-x', join(work, deb), join(work, 'root')]);
    await rename(join(work, 'root'), home).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A running Prometheus of a test's own. */
export interface RunningPrometheus {
  /** Value of each series that an expression gives, by its labels in order. */
  query(expression: string): Promise<{ labels: Record<string, string>; value: number }[]>;
  /** Its scrape targets. */
  targets(): Promise<{ labels: Record<string, string>; health: string; lastError: string }[]>;
  stop(): Promise<void>;
}

export async function startPrometheus(
  tools: PrometheusTools,
  configFile: string,
): Promise<RunningPrometheus> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-prometheus-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${dataDir}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn(tools.prometheus, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const get = async (path: string) => {
    const answer = await fetch(`${url}${path}`);
    const body = (await answer.json()) as { status: string; error?: string; data: never };
    if (body.status !== 'success') throw new Error(`${path}: ${body.error}`);
    return body.data;
  };
  for (;;) {
    if (child.exitCode !== null) throw new Error(`prometheus ended:\n${said}`);
    const ready = await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    async query(expression) {
      const data: { result: { metric: Record<string, string>; value: [number, string] }[] } = await get(
        `/api/v1/query?query=${encodeURIComponent(expression)}`,
      );
      return data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
    },
    async targets() {
      const data: {
        activeTargets: { labels: Record<string, string>; health: string; lastError: string }[];
      } = await get('/api/v1/targets?state=active');
      return data.activeTargets;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(),
      );
    });
  });
}
