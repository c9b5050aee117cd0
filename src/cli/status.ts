import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { connect } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import { redactUrl } from '../queues/redis-url.js';
import { assertRedis } from '../queues/server-check.js';
import { StatusCollector } from '../telemetry/status.js';
import { renderStatus } from './status/render.js';
import { Trends } from './status/trends.js';
import { type StatusOutput, watchLooks } from './status/watch.js';

export interface StatusOptions {
  config: Config;
  redisUrl: string;
  /** One JSON object; with `watch` one on each line. */
  json: boolean;
  /** Again each second until `signal` aborts or Ctrl-C. */
  watch: boolean;
  color: boolean;
  out?: StatusOutput | undefined;
  /** Ends a watch; absent: SIGINT and SIGTERM do. */
  signal?: AbortSignal | undefined;
}

const ANSWER_LIMIT_MS = 5_000;
const FILE_WIDTH = 160;
const NARROWEST = 60;
/**
 * `sluice status`: prints the status once, or again each second.
 * @throws SluiceError no_redis when Redis does not answer (in a watch: only at its start; later it is waited for).
 */
export async function runStatus(options: StatusOptions): Promise<void> {
  const { config, redisUrl } = options;
  await assertRedis(redisUrl);
  const redis = connect(redisUrl, 'plain');
  const collector = new StatusCollector(redis, new Keys(config.namespace), config);
  try {
    if (options.watch) {
      const trends = new Trends();
      const out = options.out ?? process.stdout;
      const live = out.isTTY === true && !options.json;
      const separator = options.json ? '\n' : '\n\n';
      await watchLooks({ out, live, separator, signal: options.signal }, async () => {
        const status = await answered(collector.collect(Date.now()), redisUrl);
        trends.add(status);
        return options.json ? JSON.stringify(status) : renderStatus(status, view(options), trends);
      });
    } else {
      const status = await answered(collector.collect(Date.now()), redisUrl);
      print(options, options.json ? JSON.stringify(status, null, 2) : renderStatus(status, view(options)));
    }
  } finally {
    redis.disconnect();
    await collector.close();
  }
}

function print(options: StatusOptions, text: string): void {
  (options.out ?? process.stdout).write(`${text}\n`);
}

export function view({ color, out = process.stdout }: Pick<StatusOptions, 'color' | 'out'>): {
  color: boolean;
  width: number;
} {
  const width = out.isTTY === true ? Math.max(NARROWEST, out.columns ?? 80) : FILE_WIDTH;
  return { color: color && out.isTTY === true, width };
}

/** Errors: `no_redis`, when Redis takes too long. */
export async function answered<T>(promise: Promise<T>, redisUrl: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const message = `the Redis at ${redactUrl(redisUrl)} has not answered for ${ANSWER_LIMIT_MS / 1000} s`;
    timer = setTimeout(() => reject(new SluiceError('no_redis', message)), ANSWER_LIMIT_MS);
  });
  // The slow one is given up; its late end, good or bad, is of no interest.
  promise.catch(() => undefined);
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}
