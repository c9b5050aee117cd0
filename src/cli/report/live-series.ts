import type { Redis } from 'ioredis';
import type { Config } from '../../config/types.js';
import type { PoolStatus, SystemStatus } from '../../contract/status.js';
import type { Keys } from '../../queues/keys.js';
import type { LoadResult } from '../../simulator/load/run-load.js';
import type { SeriesRow } from '../../simulator/run/series.js';
import { QuantileSketch } from '../../telemetry/sketch.js';
import { StatusCollector } from '../../telemetry/status.js';

const LOOK_MS = 1_000;
/** Intervals of a series, at most: a row each. */
const MOST_ROWS = 600;

/** Looks at a running system each second, so that its run can be drawn as a simulated one is. */
export class LiveSeries {
  readonly #looks: SystemStatus[] = [];
  readonly #collector: StatusCollector;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(
    redis: Redis,
    keys: Keys,
    private readonly config: Config,
  ) {
    this.#collector = new StatusCollector(redis, keys, config);
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
    void this.#look();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    await this.#collector.close();
  }

  /** One row a pool and interval: load and latency from what the driver saw, fleet and queue from the looks. */
  rows({ records, startedAtMs, endedAtMs }: LoadResult): SeriesRow[] {
    const seconds = Math.max(1, (endedAtMs - startedAtMs) / 1000);
    const size = Math.max(1, Math.ceil(seconds / MOST_ROWS));
    return Object.values(this.config.pools).flatMap(({ name, latencyPercentile }) =>
      Array.from({ length: Math.ceil(seconds / size) }, (_, k): SeriesRow => {
        const from = k * size;
        const mine = records.filter(
          ({ pool, dueSeconds }) => pool === name && dueSeconds >= from && dueSeconds < from + size,
        );
        const attained = mine.filter((record) => record.attained).length;
        const at = (of: (record: (typeof mine)[number]) => number | null) => {
          const sketch = new QuantileSketch();
          for (const record of mine) {
            const value = of(record);
            if (value !== null) sketch.add(value);
          }
          return sketch.quantile(latencyPercentile / 100);
        };
        const seen = this.#at(name, startedAtMs + (from + size) * 1000);
        return {
          atSeconds: from,
          pool: name,
          arrivals: mine.length,
          attained,
          attainment: mine.length === 0 ? null : attained / mine.length,
          ttftSeconds: at((record) => record.ttftSeconds),
          itlSeconds: at((record) => record.itlSeconds),
          ...fleetOf(seen),
          gpuHours: ((seen?.gpus.length ?? 0) * size) / 3600,
        };
      }),
    );
  }

  /** The newest look until then. */
  #at(pool: string, untilMs: number): PoolStatus | undefined {
    const look = this.#looks.findLast(({ atMs }) => atMs <= untilMs) ?? this.#looks[0];
    return look?.pools.find(({ name }) => name === pool);
  }

  async #look(): Promise<void> {
    // A Redis that is away leaves a gap that the look before it fills.
    this.#looking ??= this.#collector.collect(Date.now()).then(
      (status) => void this.#looks.push(status),
      () => {},
    );
    await this.#looking;
    this.#looking = undefined;
  }
}

function fleetOf(
  pool: PoolStatus | undefined,
): Omit<
  SeriesRow,
  'atSeconds' | 'pool' | 'arrivals' | 'attained' | 'attainment' | 'ttftSeconds' | 'itlSeconds' | 'gpuHours'
> {
  const both = (replicas: { prefill: number; decode: number } | undefined) =>
    (replicas?.prefill ?? 0) + (replicas?.decode ?? 0);
  return {
    readyWorkers: both(pool?.workers.ready),
    startingWorkers: both(pool?.workers.starting),
    drainingWorkers: both(pool?.workers.draining),
    leasedGpus: pool?.gpus.length ?? 0,
    queued: pool?.queue.waiting ?? 0,
    running: pool?.queue.running ?? 0,
    state: pool?.planner.state ?? 'idle',
  };
}
