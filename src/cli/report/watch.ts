import type { Redis } from 'ioredis';
import type { Config } from '../../config/types.js';
import { transitionSchema } from '../../contract/transition.js';
import { ALL_POOLS, readGpuSeconds, readMaxLeased, resetMaxLeased } from '../../gpu/state.js';
import type { Keys } from '../../queues/keys.js';
import { type PlannerStart, type PlannerStep, stepOf } from '../../telemetry/activity.js';
import type { RunFigures } from './build.js';

const POLL_MS = 1000;
/** Records read back at the start to find the last order before the run. */
const LOOK_BACK = 500;
const BATCH = 500;

interface PoolWatch {
  start: PlannerStart;
  steps: PlannerStep[];
  /** Stream id of the last record that was read. */
  cursor: string;
}

/**
 * Watches a running system through Redis from `start` to `stop`: planners' records as they come (a stream keeps only so
 * many), GPU-seconds and peaks of leased GPUs. Starting resets the installation's peak counters.
 */
export class RunWatch {
  private readonly pools = new Map<string, PoolWatch>();
  private gpuSecondsAtStart: Record<string, number> = {};
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
    watch.gpuSecondsAtStart = await readGpuSeconds(redis, keys);
    watch.timer = setInterval(() => {
      watch.polling = watch.polling.then(() => watch.poll()).catch(() => undefined);
    }, POLL_MS);
    return watch;
  }

  /** The steps of a pool's planner since the start of the run, as far as they have been read. */
  steps(pool: string): readonly PlannerStep[] {
    return this.pools.get(pool)?.steps ?? [];
  }

  async stop(): Promise<RunFigures> {
    this.abandon();
    await this.polling;
    await this.poll();
    const [seconds, peaks] = await Promise.all([
      readGpuSeconds(this.redis, this.keys),
      readMaxLeased(this.redis, this.keys),
    ]);
    const pools: RunFigures['pools'] = {};
    for (const [name, { start, steps }] of this.pools) {
      const gpuSeconds = Math.max(0, (seconds[name] ?? 0) - (this.gpuSecondsAtStart[name] ?? 0));
      pools[name] = { gpuSeconds, maxGpus: peaks[name] ?? 0, start, steps };
    }
    return { pools, maxGpus: peaks[ALL_POOLS] ?? 0 };
  }

  /** Stops reading without a result. */
  abandon(): void {
    clearInterval(this.timer);
  }

  private async begin(pool: string): Promise<PoolWatch> {
    const entries = await this.redis.xrevrange(this.keys.transitions(pool), '+', '-', 'COUNT', LOOK_BACK);
    const steps = entries.flatMap(([, fields]) => readStep(fields));
    return {
      start: {
        state: steps[0]?.to ?? null,
        ordered: steps.find((step) => step.ordered !== null)?.ordered ?? null,
      },
      steps: [],
      cursor: entries[0]?.[0] ?? '0-0',
    };
  }

  private async poll(): Promise<void> {
    for (const [pool, watch] of this.pools) {
      for (;;) {
        const from = `(${watch.cursor}`;
        const entries = await this.redis.xrange(this.keys.transitions(pool), from, '+', 'COUNT', BATCH);
        for (const [id, fields] of entries) {
          watch.cursor = id;
          watch.steps.push(...readStep(fields));
        }
        if (entries.length < BATCH) break;
      }
    }
  }
}

/** The step in a stream entry's field `record`; none where it does not parse. */
function readStep(fields: readonly string[]): PlannerStep[] {
  const at = fields.indexOf('record');
  const text = at % 2 === 0 ? fields[at + 1] : undefined;
  if (text === undefined) return [];
  try {
    const record = transitionSchema.safeParse(JSON.parse(text));
    return record.success ? [stepOf(record.data)] : [];
  } catch {
    return [];
  }
}
