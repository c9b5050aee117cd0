import { statfsSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { splitCommand } from '../config/command.js';
import { makeDataFolder } from '../config/data-folder.js';
import { type Environment, readEnvironment } from '../config/environment.js';
import { assertGuarded } from '../config/guarded.js';
import { defaultConfig, loadConfig } from '../config/load.js';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { plainText } from '../contract/plain-text.js';
import { connect } from '../queues/connection.js';
import { formerPoolAdvice, formerPools } from '../queues/former-pools.js';
import { Keys } from '../queues/keys.js';
import { isExecutable } from '../queues/provision/binary.js';
import { findRedis } from '../queues/provision/find.js';
import { redactUrl } from '../queues/redis-url.js';
import { assertRedis, serverDefects, serverFacts } from '../queues/server-check.js';
import { poolVerdicts } from './feasibility.js';
import { assertProfiles, profileNotes, profileProblems } from './profile-problems.js';
import { dataDirOf } from './up/data-dir.js';
import { readRunFile } from './up/run-file.js';

interface Check {
  name: string;
  ok: boolean;
  /** What was found, or what is wrong and what to do. */
  found: string;
}

interface DoctorFlags {
  config?: string;
  data?: string;
  json?: boolean;
}

/** A Redis that fills its disk refuses writes; below this the doctor warns. */
const LEAST_DISK_BYTES = 1e9;
const LEAST_MEMORY_BYTES = 1e9;

/** `sluice doctor`: whether this machine can run Sluice, and what to do where it cannot. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('check that this machine can run Sluice')
    .option('-c, --config <file>', 'also check this configuration')
    .option('--data <dir>', 'data folder to check')
    .option('--json', 'print the checks as JSON')
    .addHelpText('after', '\nExit codes: 0 all well, 1 something is wrong.')
    .action(async (flags: DoctorFlags) => {
      const checks = await examine(flags);
      if (flags.json === true) process.stdout.write(`${JSON.stringify(checks, null, 2)}\n`);
      else for (const { name, ok, found } of checks) print(name, ok, found);
      process.exitCode = checks.every((check) => check.ok) ? 0 : 1;
    });
}

async function examine(flags: DoctorFlags): Promise<Check[]> {
  const environment = readEnvironment();
  const dataDir = dataDirOf(flags.data);
  return [
    nodeCheck(),
    await attempt('redis', () => redisCheck(environment, dataDir)),
    await attempt('data folder', async () => folderCheck(dataDir)),
    await attempt('configuration', async () => configCheck(flags.config)),
    ...(await formerPoolChecks(flags.config, environment, dataDir)),
    ...promiseChecks(flags.config),
    ...(await commandChecks(flags.config, environment)),
    machineCheck(),
    systemCheck(dataDir),
  ];
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return {
    name: 'node',
    ok,
    found: ok ? process.version : `${process.version}; install Node 20.19 or newer`,
  };
}

async function redisCheck(environment: Environment, dataDir: string): Promise<string> {
  const url = environment.redisUrl ?? readRunFile(dataDir)?.redisUrl;
  if (url === undefined) {
    const binary = await findRedis(environment, () => {});
    return `${binary.path} (\`sluice up\` will start it)`;
  }
  await assertRedis(url);
  const redis = connect(url, 'plain');
  try {
    const facts = await serverFacts(redis);
    const defects = serverDefects(facts);
    if (defects.length > 0)
      throw new SluiceError('no_redis', `${redactUrl(url)}: ${defects.join('. And: ')}`);
    return `${redactUrl(url)} answers; Redis ${facts.version}, AOF on, noeviction`;
  } finally {
    redis.disconnect();
  }
}

function folderCheck(dataDir: string): string {
  makeDataFolder(dataDir);
  const { bavail, bsize } = statfsSync(dataDir);
  const free = bavail * bsize;
  if (free < LEAST_DISK_BYTES) {
    throw new SluiceError(
      'redis_full',
      `${dataDir}: ${(free / 1e9).toFixed(2)} GB free; make room or name another folder with --data`,
    );
  }
  return `${dataDir} is writable, ${(free / 1e9).toFixed(0)} GB free`;
}

function configCheck(file: string | undefined): string {
  const config = configOf(file);
  assertGuarded(config.gateway);
  assertProfiles(config);
  const gpus = config.inventory.hosts.flatMap((host) => host.islands.flat()).length;
  return `${file ?? 'presets'}: ${Object.keys(config.pools).length} pools on ${gpus} GPUs`;
}

/** Pools that left the configuration with requests still open; none where no Redis is known or it does not answer. */
async function formerPoolChecks(
  file: string | undefined,
  environment: Environment,
  dataDir: string,
): Promise<Check[]> {
  const run = readRunFile(dataDir);
  const url = environment.redisUrl ?? run?.redisUrl;
  const config = readable(file ?? run?.configFile ?? undefined);
  if (url === undefined || config === undefined) return [];
  try {
    await assertRedis(url);
  } catch {
    return []; // the check of Redis tells
  }
  const redis = connect(url, 'plain');
  try {
    const pools = await formerPools(redis, new Keys(config.namespace), config);
    return pools.map((pool) => ({
      name: `pool ${pool.name}`,
      ok: false,
      found: formerPoolAdvice(pool),
    }));
  } finally {
    redis.disconnect();
  }
}

/** Of the pools whose profile has what they ask; of the others, and of a file that cannot be read, its own check tells. */
function promiseChecks(file: string | undefined): Check[] {
  const config = readable(file);
  if (config === undefined) return [];
  const broken = new Set(profileProblems(config).map(({ pool }) => pool));
  const sound = Object.entries(config.pools).filter(([name]) => !broken.has(name));
  const checked = { ...config, pools: Object.fromEntries(sound) };
  return [
    ...poolVerdicts(checked).map(({ pool, feasible, sentence }) => ({
      name: `pool ${pool}`,
      ok: feasible,
      found: sentence,
    })),
    ...profileNotes(checked).map((note) => ({ name: 'profile', ok: true, found: `note: ${note}` })),
  ];
}

/** Whether the program of each engine.command is on this machine, where the allocator would start it. */
async function commandChecks(file: string | undefined, { searchPath }: Environment): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { name, engine } of Object.values(readable(file)?.pools ?? {})) {
    const words = engine.kind === 'openai' && engine.command !== null ? splitCommand(engine.command) : [];
    const [program] = words;
    if (typeof words === 'string' || program === undefined) continue;
    const places = program.includes('/') ? [program] : searchPath.map((folder) => join(folder, program));
    const found = await firstExecutable(places);
    const missing = `pools.${name}: engine.command: found no program ${program} ${program.includes('/') ? 'there' : 'on PATH'}; install it, or name its path`;
    checks.push({ name: `engine ${name}`, ok: found !== undefined, found: found ?? missing });
  }
  return checks;
}

async function firstExecutable(places: readonly string[]): Promise<string | undefined> {
  for (const place of places) if (await isExecutable(place)) return place;
  return undefined;
}

/** undefined: it is not valid, which its own check says. */
function readable(file: string | undefined): Config | undefined {
  try {
    return configOf(file);
  } catch {
    return undefined;
  }
}

function configOf(file: string | undefined): Config {
  return file === undefined ? defaultConfig() : loadConfig(file);
}

function machineCheck(): Check {
  const free = freemem();
  const ok = free > LEAST_MEMORY_BYTES;
  const found = `${availableParallelism()} cores, ${(free / 1e9).toFixed(1)} GB of memory free`;
  return { name: 'machine', ok, found: ok ? found : `${found}; each role takes about 0.1 GB` };
}

function systemCheck(dataDir: string): Check {
  const run = readRunFile(dataDir);
  const found =
    run === undefined
      ? 'not running here'
      : `\`sluice up\` runs (process ${run.pid}), Redis at ${redactUrl(run.redisUrl)}`;
  return { name: 'system', ok: true, found };
}

async function attempt(name: string, check: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, found: await check() };
  } catch (error) {
    return { name, ok: false, found: SluiceError.from(error).message };
  }
}

function print(name: string, ok: boolean, found: string): void {
  process.stdout.write(`${ok ? 'ok   ' : 'WRONG'} ${name.padEnd(14)} ${plainText(found)}\n`);
}
