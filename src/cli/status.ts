import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { assertRedis, connect, redactUrl } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import { StatusCollector } from '../telemetry/status.js';
import { renderStatus } from './status/render.js';

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

/** The part of a terminal or file stream that is used. */
export interface StatusOutput {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

const WATCH_MS = 1_000;
const ANSWER_LIMIT_MS = 5_000;
const FILE_WIDTH = 160;
const NARROWEST = 60;
/** The alternate screen keeps what stood in the terminal before. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

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
    if (options.watch) await watch(options, collector);
    else {
      const status = await answered(collector.collect(Date.now()), redisUrl);
      print(options, options.json ? JSON.stringify(status, null, 2) : renderStatus(status, view(options)));
    }
  } finally {
    redis.disconnect();
    await collector.close();
  }
}

async function watch(options: StatusOptions, collector: StatusCollector): Promise<void> {
  const out = options.out ?? process.stdout;
  const stop = new AbortController();
  const end = () => stop.abort();
  options.signal?.addEventListener('abort', end, { once: true });
  if (options.signal === undefined)
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, end);
  // A reader that went away (`| head`) ends the watch.
  out.on?.('error', end);
  const live = out.isTTY === true && !options.json;
  if (options.signal?.aborted === true) return;
  if (live) out.write(ENTER);
  let lastShown = '';
  try {
    while (!stop.signal.aborted) {
      const due = Date.now() + WATCH_MS;
      try {
        const status = await untilAborted(
          answered(collector.collect(Date.now()), options.redisUrl),
          stop.signal,
        );
        if (status === null) break;
        lastShown = options.json ? JSON.stringify(status) : renderStatus(status, view(options));
        if (live) out.write(frame(lastShown, out));
        else out.write(`${lastShown}\n${options.json ? '' : '\n'}`);
      } catch (error) {
        const line = SluiceError.from(error).message;
        if (live) out.write(frame(`${line}\n\n${lastShown}`, out));
      }
      await sleep(Math.max(0, due - Date.now()), undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    options.signal?.removeEventListener('abort', end);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, end);
    // The last view stays in the terminal.
    if (live) out.write(`${LEAVE}${lastShown}\n`);
  }
}

function print(options: StatusOptions, text: string): void {
  (options.out ?? process.stdout).write(`${text}\n`);
}

function view({ color, out = process.stdout }: StatusOptions): { color: boolean; width: number } {
  const width = out.isTTY === true ? Math.max(NARROWEST, out.columns ?? 80) : FILE_WIDTH;
  return { color: color && out.isTTY === true, width };
}

/** Draws from the top, line over line, so that nothing flickers; what does not fit is left out. */
function frame(text: string, out: StatusOutput): string {
  const lines = text.split('\n').slice(0, Math.max(1, (out.rows ?? 24) - 1));
  return `\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`;
}

async function answered<T>(promise: Promise<T>, redisUrl: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const message = `the Redis at ${redactUrl(redisUrl)} has not answered for ${ANSWER_LIMIT_MS / 1000} s`;
    timer = setTimeout(() => reject(new SluiceError('no_redis', message)), ANSWER_LIMIT_MS);
  });
  // The slow one is given up; its late end, good or bad, is of no interest.
  promise.catch(() => undefined);
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(null);
    if (signal.aborted) return end();
    signal.addEventListener('abort', end, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}
