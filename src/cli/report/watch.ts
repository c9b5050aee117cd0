import type { Redis } from 'ioredis';
import type { Config } from '../../config/types.js';
import { ALL_POOLS, readGpuMeter, readMaxLeased, resetMaxLeased } from '../../gpu/state.js';
import type { Keys } from '../../queues/keys.js';
import type { PlannerStart, PlannerStep } from '../../telemetry/activity.js';
import { TransitionLog } from '../../telemetry/transition-log.js';
import type { RunFigures } from './build.js';

const POLL_MS = 1000;

interface PoolWatch {
  log: TransitionLog;
  steps: PlannerStep[];
  /** Of the steps, those that were there before the run. */
  before: number;
}

/**
 * Watches a running system through Redis from `start` to `stop`: planners' records as they come (a stream keeps only so
 * many), GPU-seconds and peaks of leased GPUs. Starting resets the installation's peak counters.
 */
export class RunWatch {
  private readonly pools = new Map<string, PoolWatch>();
  private begun: { atMs: number; gpuSeconds: Record<string, number> } = { atMs: 0, gpuSeconds: {} };
  private timer: NodeJS.Timeout | undefined;
  private polling: Promise<void> = Promise.resolve();

  private constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  static async start(redis: Redis, keys: Keys, config: Config): Promise<RunWatch> {
    const watch = new RunWatch(redis, keys);
    for (const pool of Object.keys(config.pools)) watch.pools.set(pool, await watch.begin(pool));
    await resetMaxLeased(redis, keys);
    watch.begun = await readGpuMeter(redis, keys);
    watch.timer = setInterval(() => {
      watch.polling = watch.polling.then(() => watch.poll()).catch(() => undefined);
    }, POLL_MS);
    return watch;
  }

  async stop(): Promise<RunFigures> {
    const { atMs, gpuSeconds: seconds } = await readGpuMeter(this.redis, this.keys);
    this.abandon();
    await this.polling;
    await this.poll();
    const peaks = await readMaxLeased(this.redis, this.keys);
    const pools: RunFigures['pools'] = {};
    for (const [name, { steps, before }] of this.pools) {
      const gpuSeconds = Math.max(0, (seconds[name] ?? 0) - (this.begun.gpuSeconds[name] ?? 0));
      pools[name] = { gpuSeconds, maxGpus: peaks[name] ?? 0, ...runSteps(steps, before) };
    }
    return { pools, maxGpus: peaks[ALL_POOLS] ?? 0, seconds: (atMs - this.begun.atMs) / 1000 };
  }

  /** Stops reading without a result. */
  abandon(): void {
    clearInterval(this.timer);
  }

  private async begin(pool: string): Promise<PoolWatch> {
    const steps: PlannerStep[] = [];
    const log = new TransitionLog(this.redis, this.keys, pool, (step) => steps.push(step));
    await log.read();
    return { log, steps, before: steps.length };
  }

  private async poll(): Promise<void> {
    await Promise.all([...this.pools.values()].map(({ log }) => log.read()));
  }
}

/** A planner's steps of the run, and where it stood when the run began. */
function runSteps(
  all: readonly PlannerStep[],
  before: number,
): { start: PlannerStart; steps: PlannerStep[] } {
  const past = all.slice(0, before);
  const start = {
    state: past.at(-1)?.to ?? null,
    ordered: past.findLast((step) => step.ordered !== null)?.ordered ?? null,
  };
  return { start, steps: all.slice(before) };
}
