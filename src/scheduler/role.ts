import { parseArgs } from 'node:util';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { type MetricsAddress, metricsAddress, readEnvironment } from '../config/environment.js';
import { inspectorUrl } from '../config/inspector.js';
import { defaultConfig, loadConfig } from '../config/load.js';
import type { Config, GatewayConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { watchOwner } from '../gpu/process.js';
import { connect } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import { assertRedis, serverDefects, serverFacts } from '../queues/server-check.js';
import { createLogger } from '../telemetry/log.js';
import { exposeMetrics } from '../telemetry/metrics/expose.js';
import { startTracing, stopTracing } from '../tracing/tracing.js';

/** What every role process knows when it starts. */
export interface RoleContext {
  config: Config;
  /** null: the presets. */
  configFile: string | null;
  redisUrl: string;
  /** Logs and run files of this installation. */
  dataDir: string;
  /** The supervisor, when there is one. */
  ownerPid: number | null;
  /** Arguments that are not options, e.g. the planner's pool. */
  args: string[];
  /** The allocator's: stop the workers too when it is told to stop. */
  stopWorkers: boolean;
  /** Where this process shows its metrics; null: nowhere. */
  metrics: MetricsAddress | null;
  /** The planner's: a relay of Stately's inspector to show it to; null: none. */
  inspect: string | null;
  /** This process's own metrics, where a role adds its own; absent: none are shown, or they have their own place. */
  registry?: Registry | undefined;
  log: Logger;
}

/** A role that has not ended so long after it was told to waits for something that is gone, such as its Redis. */
const STOP_LIMIT_MS = 10_000;

/** Ends a role: called once, on the first SIGTERM or SIGINT. */
export type StopRole = () => Promise<void>;

/** How a role ends that has something to finish first. */
export interface RoleEnd {
  stop: StopRole;
  /** Asked again while it ends: what it still finishes is given up in order. */
  hurry: () => void;
}

/**
 * Entry of a role process: reads its arguments, starts it, ends it on SIGTERM, SIGINT, or when its owner is gone.
 * A second signal makes a role hurry that can, else it ends the process at once.
 * Exits with 0 after a stop, with the error's exit code when it cannot start.
 */
export async function roleMain(
  name: string,
  argv: readonly string[],
  start: (context: RoleContext) => Promise<StopRole | RoleEnd>,
  /** It finishes requests before it ends, and may take as long as a worker may. */
  { drains = false, ownMetrics = false }: { drains?: boolean; ownMetrics?: boolean } = {},
): Promise<void> {
  try {
    const context = contextOf(argv);
    await checkRedis(context);
    await startTracing(name);
    const metrics = ownMetrics ? null : await showMetrics(name, context);
    if (metrics !== null) context.registry = metrics.registry;
    const ways = await start(context);
    const { stop, hurry } = typeof ways === 'function' ? { stop: ways, hurry: undefined } : ways;
    let stopping = false;
    const end = (why: string, again?: () => void) => {
      if (stopping) return again === undefined ? process.exit(1) : again();
      stopping = true;
      const waits = context.stopWorkers || drains;
      const drainMs = waits ? context.config.worker.drainSeconds * 1000 + 2 * STOP_LIMIT_MS : 0;
      setTimeout(() => process.exit(1), drainMs + STOP_LIMIT_MS);
      context.log.info({ role: name, why }, 'stopping');
      Promise.all([stop(), metrics?.close()])
        .finally(stopTracing)
        .then(
          () => process.exit(0),
          (error: unknown) => {
            context.log.error({ role: name, err: error }, 'stop failed');
            process.exit(1);
          },
        );
    };
    process.on('SIGTERM', () => end('SIGTERM', hurry));
    process.on('SIGINT', () => end('SIGINT', hurry));
    if (context.ownerPid !== null) watchOwner(context.ownerPid, () => end('the supervisor is gone'));
  } catch (error) {
    const known = SluiceError.from(error);
    process.stderr.write(`sluice ${name}: ${known.message}\n`);
    process.exit(known.exitCode);
  }
}

/** Logs what is wrong with the Redis though it can be used. Errors: `no_redis`, also for one that takes no writes of ours. */
async function checkRedis({ config, redisUrl, log }: RoleContext): Promise<void> {
  await assertRedis(redisUrl, { writeKey: new Keys(config.namespace).probe() });
  const redis = connect(redisUrl, 'plain');
  try {
    for (const defect of serverDefects(await serverFacts(redis))) log.warn(`Redis: ${defect}`);
  } finally {
    redis.disconnect();
  }
}

/** Shows the metrics of this process, on a connection of their own. */
async function showMetrics(
  role: string,
  { config, redisUrl, metrics, args, log }: RoleContext,
): Promise<{ registry: Registry; close(): Promise<void> } | null> {
  if (metrics === null) return null;
  const redis = connect(redisUrl, 'plain');
  const pool = role === 'planner' ? args[0] : undefined;
  const shown = await exposeMetrics(redis, new Keys(config.namespace), { role, pool }, metrics);
  log.debug({ role, url: shown.url }, 'metrics');
  return {
    registry: shown.registry,
    async close() {
      await Promise.race([shown.close(), new Promise((resolve) => setTimeout(resolve, 1_000))]);
      redis.disconnect();
    },
  };
}

function contextOf(argv: readonly string[]): RoleContext {
  const { values, positionals } = parseArgs({
    args: [...argv.slice(2)],
    allowPositionals: true,
    options: {
      config: { type: 'string', short: 'c' },
      data: { type: 'string' },
      owner: { type: 'string' },
      'stop-workers': { type: 'boolean' },
      port: { type: 'string' },
      host: { type: 'string' },
      auth: { type: 'string' },
      metrics: { type: 'string' },
      inspect: { type: 'string' },
    },
  });
  const environment = readEnvironment();
  if (environment.redisUrl === null) {
    throw new SluiceError(
      'no_redis',
      'expected REDIS_URL in the environment; `sluice up` starts a Redis and all roles together',
    );
  }
  const config = values.config === undefined ? defaultConfig() : loadConfig(values.config);
  if (values.port !== undefined) config.gateway.port = portOf(values.port);
  if (values.host !== undefined) config.gateway.host = values.host;
  if (values.auth !== undefined) config.gateway.auth = authOf(values.auth);
  return {
    config,
    configFile: values.config ?? null,
    redisUrl: environment.redisUrl,
    dataDir: values.data ?? environment.dataDir ?? '.sluice',
    ownerPid: values.owner === undefined ? null : Number(values.owner),
    args: positionals,
    stopWorkers: values['stop-workers'] === true,
    inspect: values.inspect === undefined ? null : inspectorUrl(values.inspect),
    metrics: values.metrics === undefined ? environment.metrics : metricsAddress(values.metrics),
    log: createLogger({ content: config.gateway.logPrompts }),
  };
}

/** A port from the command line. Errors: `invalid_request`. */
export function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port < 65_536) return port;
  throw new SluiceError(
    'invalid_request',
    `--port: expected a number from 0 to 65535, got ${JSON.stringify(text)}`,
  );
}

function authOf(text: string): GatewayConfig['auth'] {
  if (text === 'none' || text === 'keys') return text;
  throw new SluiceError('invalid_request', `--auth: expected none or keys, got ${JSON.stringify(text)}`);
}
