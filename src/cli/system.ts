import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readEnvironment } from '../config/environment.js';
import { assertGuarded } from '../config/guarded.js';
import { defaultConfig, loadConfig } from '../config/load.js';
import { renderConfig } from '../config/show.js';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { connect } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import { redactUrl } from '../queues/redis-url.js';
import { assertRedis } from '../queues/server-check.js';
import { assertProfiles } from './profile-problems.js';
import { allocatorsAtWork } from './up/allocators.js';
import { dataDirOf } from './up/data-dir.js';
import { readRunFile } from './up/run-file.js';
import { Supervisor } from './up/supervisor.js';

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
    assertGuarded(config.gateway);
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

/** The configuration that `openSystem` comes to; nothing is started. Errors: `no_redis`, `invalid_config`. */
export async function systemConfig(options: SystemOptions): Promise<Config> {
  const found = await lookForSystem(options);
  return found?.config ?? options.config ?? configOf(options.configFile);
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

/** Whether an allocator beats there: without one, requests would wait for ever. */
async function isAtWork(redisUrl: string, config: Config): Promise<boolean> {
  const redis = connect(redisUrl, 'plain');
  try {
    return (await allocatorsAtWork(redis, new Keys(config.namespace))).length > 0;
  } finally {
    redis.disconnect();
  }
}

function configOf(file: string | undefined): Config {
  return file === undefined ? defaultConfig() : loadConfig(file);
}

function writeConfig(dataDir: string, config: Config): string {
  const file = join(dataDir, 'config.yaml');
  writeFileSync(file, renderConfig(config));
  return file;
}
