import type { ServerResponse } from 'node:http';
import type { Redis } from 'ioredis';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import type { SystemStatus } from '../contract/status.js';
import type { Keys } from '../queues/keys.js';
import { StatusCollector } from '../telemetry/status.js';
import { answered } from './answered.js';
import { readAudit } from './audit.js';
import { built } from './built.js';
import { Feed } from './feed.js';
import { readForecast } from './forecast.js';
import { keepSample, SAMPLE_MS } from './history.js';
import { MachineLog } from './machine-log.js';
import { RequestFinder } from './requests.js';
import { rounded } from './rounded.js';
import { sampleOf } from './sample.js';
import type { View } from './view.js';
import { WhatIf } from './what-if/what-if.js';

/** A look at the system so often while a page is open; without one only for the time lines. */
const TICK_MS = 1_000;

/** Looks at the whole system again and again, tells it to the pages that are open, and keeps the time lines. */
export class Dashboard {
  readonly feed: Feed;
  readonly requests: RequestFinder;
  readonly whatIf: WhatIf;
  readonly #collector: StatusCollector;
  readonly #log = new MachineLog();
  #view: View | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<View> | undefined;
  #ticking: Promise<void> | undefined;
  #sampledMs = 0;

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly config: Config,
    private readonly now: () => number,
  ) {
    this.feed = new Feed(now);
    this.requests = new RequestFinder(redis, keys, config, now);
    const thread = built('src', 'dashboard', 'what-if', 'thread.js');
    this.whatIf = new WhatIf({ redis, keys, config, now, thread });
    this.#collector = new StatusCollector(redis, keys, config);
  }

  start(): void {
    this.#timer = setInterval(() => void this.tick(), TICK_MS);
  }

  /** Ends every stream, so that a server that stops need not wait for its pages. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.feed.close();
    await Promise.all([this.#collector.close(), this.requests.close(), this.whatIf.close()]);
  }

  /** Adds a page. It has the newest view at once, and one that is made now unless the newest is of the last second or so. */
  async attend(response: ServerResponse, lastId: string | undefined): Promise<void> {
    this.feed.add(response, {}, lastId);
    const fresh = this.#view !== undefined && this.now() - this.#view.sentMs < 2 * TICK_MS;
    if (!fresh) await this.tick();
  }

  /** One look, told to all pages; calls while it is made share it. Never rejects: a Redis that does not answer is told too, with the figures of before. */
  tick(): Promise<void> {
    this.#ticking ??= this.#tick().finally(() => {
      this.#ticking = undefined;
    });
    return this.#ticking;
  }

  async #tick(): Promise<void> {
    const watched = this.feed.readers > 0;
    const due = this.now() - this.#sampledMs >= SAMPLE_MS - TICK_MS / 2;
    if (!watched && !due) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    let problem: string | null = null;
    try {
      this.#view = await answered(this.#looking);
    } catch (error) {
      problem = SluiceError.from(error).message;
    }
    if (this.#view === undefined) return this.#tellNothing(problem);
    this.#view = { ...this.#view, problem, sentMs: this.now() };
    this.feed.publish(this.#view);
    if (problem !== null || !due) return;
    this.#sampledMs = this.now();
    const kept = keepSample(this.redis, this.keys, sampleOf(this.#view), this.config.dashboard);
    await answered(kept).catch(() => {});
  }

  /** Redis was never heard since this gateway is up: there is not one figure to show. */
  #tellNothing(problem: string | null): void {
    this.feed.publish({ status: null, problem, sentMs: this.now(), keys: this.#asksForKeys() });
  }

  #asksForKeys(): boolean {
    return this.config.gateway.auth === 'keys';
  }

  async #look(): Promise<View> {
    const { redis, keys, config } = this;
    const pools = Object.keys(config.pools);
    const [status, audit, ...forecasts] = await Promise.all([
      this.#collector.collect(this.now()),
      readAudit(redis, keys),
      ...pools.map((pool) => readForecast(redis, keys, pool)),
    ]);
    const log = this.#log.look(status, this.#collector.records());
    return rounded({
      status: withoutLog(status),
      forecasts: Object.fromEntries(pools.map((pool, at) => [pool, forecasts[at] ?? null])),
      log,
      audit,
      problem: null,
      sentMs: status.atMs,
      keys: this.#asksForKeys(),
    });
  }
}

/** The transitions are in the view's own log, with their numbers. */
function withoutLog(status: SystemStatus): SystemStatus {
  const pools = status.pools.map((pool) => ({ ...pool, planner: { ...pool.planner, transitions: [] } }));
  return { ...status, pools };
}
