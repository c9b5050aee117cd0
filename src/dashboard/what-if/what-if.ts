import type { Redis } from 'ioredis';
import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { RecordedMinute } from '../../contract/recorded.js';
import type { Keys } from '../../queues/keys.js';
import { readRecorded } from '../../telemetry/recorded.js';
import { answered } from '../answered.js';
import type { Ask } from './ask.js';
import { changed, changeList, simulatable } from './change.js';
import { Run, type RunLimits } from './run.js';
import { SCENARIOS } from './scenarios.js';
import type { Task } from './simulation.js';
import { traceNames, tracePath } from './traces.js';
import type { Offer, OfferedPool, RunView } from './view.js';

const LIMITS: RunLimits = { heapMb: 1024, seconds: 600, requests: 3_000_000 };
const HOUR_MINUTES = 60;

export interface WhatIfParts {
  redis: Redis;
  keys: Keys;
  config: Config;
  now: () => number;
  /** The compiled script of the thread; undefined: it is not built. */
  thread: string | undefined;
}

/** What would have been under another configuration: one simulation at a time, on a thread of its own. */
export class WhatIf {
  #run: Run | null = null;
  #starting = false;
  #closed = false;

  constructor(
    private readonly parts: WhatIfParts,
    private readonly limits: RunLimits = LIMITS,
  ) {}

  /** What there is to choose from. Errors: `not_found` for a trace folder that cannot be read; `no_redis`. */
  async offer(): Promise<Offer> {
    const { config } = this.parts;
    const [traces, recorded] = await Promise.all([
      traceNames(config.gateway.traces),
      this.#recorded(HOUR_MINUTES),
    ]);
    const counts = Object.values(recorded).map((minutes) => minutes.map(requestsOf));
    const from = Math.min(...counts.map((each) => indexOrEnd(each)));
    return {
      pools: Object.values(config.pools).map(offered),
      scenarios: Object.entries(SCENARIOS).map(([name, { title }]) => ({ name, title })),
      traces,
      recorded: {
        requests: counts.flat().reduce((sum, count) => sum + count, 0),
        minutes: HOUR_MINUTES - from,
      },
      run: this.view,
    };
  }

  /** The run that goes on, or the last one; null: there was none. */
  get view(): RunView | null {
    return this.#run?.view ?? null;
  }

  /**
   * Starts a run. Errors: `conflict` while another one runs; `invalid_request` for changes that do not fit;
   * `not_found` for a trace that is not there; `no_redis`.
   */
  async start(ask: Ask): Promise<RunView> {
    if (this.#starting || this.view?.state === 'running')
      throw new SluiceError('conflict', 'a simulation is running; wait for its end or cancel it');
    this.#starting = true;
    try {
      const { thread, now } = this.parts;
      if (thread === undefined)
        throw new SluiceError('not_found', 'the simulator is not built here; run `npm run build`');
      const task = await this.#task(ask);
      if (this.#closed) throw new SluiceError('not_running', 'the gateway is shutting down');
      const changes = changeList(task.configured, task.changed, ask.changes);
      const about = { source: inWords(ask), changes, startedAtMs: now() };
      this.#run = new Run(thread, task, about, this.limits);
      return this.#run.view;
    } finally {
      this.#starting = false;
    }
  }

  /** Ends a run. Errors: `not_found` for any run but the one that is shown. */
  async cancel(id: string): Promise<RunView> {
    const run = this.#run;
    if (run === null || run.view.id !== id)
      throw new SluiceError('not_found', `id: expected the run that is shown, got ${JSON.stringify(id)}`);
    await run.cancel();
    return run.view;
  }

  /** Ends what runs, for good. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#run?.cancel();
  }

  async #task({ source, changes, rate_scale: rateScale, seed }: Ask): Promise<Task> {
    const configured = simulatable(this.parts.config);
    const supposed = changed(configured.config, changes);
    const configs = { configured: configured.config, changed: supposed.config };
    const shared = { ...configs, rateScale, seed, mostRequests: this.limits.requests };
    const notes = [...configured.notes, ...supposed.notes];
    if (source.kind !== 'trace') {
      const recorded = source.kind === 'recorded' ? await this.#recorded(source.minutes) : {};
      return { ...shared, source, recorded, notes };
    }
    if (source.pool !== undefined && !Object.hasOwn(configured.config.pools, source.pool)) {
      const known = Object.keys(configured.config.pools).join(', ');
      const got = JSON.stringify(source.pool);
      throw new SluiceError('invalid_request', `source.pool: expected one of ${known}, got ${got}`);
    }
    const path = await tracePath(this.parts.config.gateway.traces, source.name);
    return { ...shared, source: { ...source, path }, recorded: {}, notes };
  }

  async #recorded(minutes: number): Promise<Record<string, RecordedMinute[]>> {
    const { redis, keys, config, now } = this.parts;
    const nowMs = now();
    const pools = await Promise.all(
      Object.keys(config.pools).map(async (pool) => {
        return [pool, await answered(readRecorded(redis, keys, pool, nowMs, minutes))] as const;
      }),
    );
    return Object.fromEntries(pools);
  }
}

function requestsOf({ arrivals }: RecordedMinute): number {
  return arrivals.reduce((sum, [, count]) => sum + count, 0);
}

/** Of the first minute with a request. */
function indexOrEnd(counts: readonly number[]): number {
  const at = counts.findIndex((count) => count > 0);
  return at < 0 ? counts.length : at;
}

function offered(pool: PoolConfig): OfferedPool {
  return {
    name: pool.name,
    gpus: pool.gpuBudget.ceiling,
    min_workers: pool.minWorkers,
    ttft_target: pool.targets.ttftSeconds,
    itl_target: pool.targets.itlSeconds,
    violations_allowed: pool.violationsAllowed,
    look_ahead: pool.scaling.lookAhead,
    aggressiveness: pool.scaling.aggressiveness,
    burst_protection: pool.burstProtection,
    cost_optimization: pool.costOptimization,
    overload: pool.overload.policy,
  };
}

function inWords({ source, rate_scale: scale }: Ask): string {
  const times = scale === 1 ? '' : `, ${scale} times as many requests`;
  switch (source.kind) {
    case 'recorded':
      return `the last ${source.minutes} minutes${times}`;
    case 'trace':
      return `${source.name}, at most ${source.minutes} minutes${times}`;
    case 'scenario':
      return `${SCENARIOS[source.name].title}, ${source.minutes} minutes${times}`;
  }
}
