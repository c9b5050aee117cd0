import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Redis } from 'ioredis';
import { readEnvironment } from '../config/environment.js';
import { defaultConfig, loadConfig } from '../config/load.js';
import { renderConfig } from '../config/show.js';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { connect } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import { redactUrl } from '../queues/redis-url.js';
import { assertRedis, probeWrite } from '../queues/server-check.js';
import { assertProfiles } from './profile-problems.js';
import { readRunFile } from './up/run-file.js';
import { Supervisor } from './up/supervisor.js';

/** Where a system lives, unless --data or SLUICE_DATA says otherwise. */
const DEFAULT_DATA_DIR = '.sluice';

/** A role that wrote its beat within so long is at work. */
const BEAT_FRESH_MS = 5_000;

export interface SystemAddress {
  config: Config;
  redisUrl: string;
}

export interface OpenSystem extends SystemAddress {
  /** Started for this command, and ended by `stop`. */
  owned: boolean;
  stop(): Promise<void>;
}

export interface SystemOptions {
  configFile?: string | undefined;
  /** Instead of a file. */
  config?: Config | undefined;
  dataDir?: string | undefined;
  /** Lines for people: what is being started. */
  log?: ((line: string) => void) | undefined;
}

export function dataDirOf(dataDir: string | undefined): string {
  return resolve(dataDir ?? readEnvironment().dataDir ?? DEFAULT_DATA_DIR);
}

/**
 * The system that runs already: at REDIS_URL, or of a `sluice up` on the data folder.
 * Errors: `not_running`, `no_redis`, `invalid_config`.
 */
export async function findSystem(options: SystemOptions): Promise<SystemAddress> {
  const found = await lookForSystem(options);
  if (found !== undefined) return found;
  const { redisUrl } = readEnvironment();
  const where = redisUrl === null ? dataDirOf(options.dataDir) : `REDIS_URL ${redactUrl(redisUrl)}`;
  throw new SluiceError(
    'not_running',
    `no Sluice is at work on ${where}; start one with \`sluice up\`, or name its folder with --data or its Redis with REDIS_URL`,
  );
}

/** Attaches to the system that runs already, or starts a whole one for as long as this command needs it. */
export async function openSystem(options: SystemOptions): Promise<OpenSystem> {
  const found = await lookForSystem(options);
  if (found !== undefined) return { ...found, owned: false, stop: async () => {} };
  const temporary = options.dataDir === undefined && readEnvironment().dataDir === null;
  const dataDir = temporary ? mkdtempSync(join(tmpdir(), 'sluice-')) : dataDirOf(options.dataDir);
  const cleanUp = () => {
    if (temporary) rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const config = options.config ?? configOf(options.configFile);
    assertProfiles(config);
    const configFile =
      options.config === undefined ? options.configFile : writeConfig(dataDir, options.config);
    const supervisor = await Supervisor.open({
      config,
      configFile: configFile === undefined ? null : resolve(configFile),
      dataDir,
      say: options.log ?? (() => {}),
      onLine: () => {},
    });
    await supervisor.start();
    const stop = async () => {
      await supervisor.stop();
      cleanUp();
    };
    return { config, redisUrl: supervisor.redisUrl, owned: true, stop };
  } catch (error) {
    cleanUp();
    throw error;
  }
}

async function lookForSystem(options: SystemOptions): Promise<SystemAddress | undefined> {
  const { redisUrl } = readEnvironment();
  if (redisUrl !== null) {
    await assertRedis(redisUrl);
    const config = options.config ?? configOf(options.configFile);
    return (await isAtWork(redisUrl, config)) ? { config, redisUrl } : undefined;
  }
  const run = readRunFile(dataDirOf(options.dataDir));
  if (run === undefined) return undefined;
  const config = options.config ?? configOf(options.configFile ?? run.configFile ?? undefined);
  return { config, redisUrl: run.redisUrl };
}

/**
 * Whether an allocator beats there: without one, requests would wait for ever. Where Redis refuses writes none can beat, so
 * that one that did is believed to be there still.
 */
async function isAtWork(redisUrl: string, config: Config): Promise<boolean> {
  const redis = connect(redisUrl, 'plain');
  const keys = new Keys(config.namespace);
  try {
    const beats = (await redis.hvals(keys.roles())).filter((text) => /"role":"allocator"/.test(text));
    const fresh = (text: string) => Date.now() - Number(/"atMs":(\d+)/.exec(text)?.[1]) < BEAT_FRESH_MS;
    return beats.some(fresh) || (beats.length > 0 && !(await takesWrites(redis, keys)));
  } finally {
    redis.disconnect();
  }
}

async function takesWrites(redis: Redis, keys: Keys): Promise<boolean> {
  return probeWrite(redis, keys.probe()).then(
    () => true,
    () => false,
  );
}

function configOf(file: string | undefined): Config {
  return file === undefined ? defaultConfig() : loadConfig(file);
}

function writeConfig(dataDir: string, config: Config): string {
  const file = join(dataDir, 'config.yaml');
  writeFileSync(file, renderConfig(config));
  return file;
}
