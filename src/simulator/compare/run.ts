import { ScheduleScaler } from '../baselines/schedule.js';
import { fullFleet } from '../baselines/static.js';
import type { SimProgress, SimulateOptions } from '../run/options.js';
import { simulate } from '../run/simulate.js';
import { floorsReadyMs, INTERVAL_SECONDS } from '../run/system.js';
import { hopelessWatch } from './hopeless.js';
import { type Outcome, outcomeOf } from './outcome.js';
import { policyNamed } from './policies.js';
import { staticBest } from './static-best.js';
import type { ExcusedHours } from './verdict.js';

/** One run to make. */
export interface PolicyRun {
  policy: string;
  /** Place in the policy's grid of constants; 0: the published ones. */
  variant: number;
  /** Requests of each pool over the whole run. */
  requests: Readonly<Record<string, number>>;
  excused: ExcusedHours;
  /** Never stopped: others are judged by the hours that it did not keep. */
  whole?: boolean;
  /** The oracle's decode workers of each pool, by hour. */
  schedule?: Readonly<Record<string, readonly number[]>>;
}

export interface PolicyRunResult {
  outcome: Outcome;
  /** What the policy found, in words; null: nothing to say. */
  note: string | null;
}

/** Runs one policy on a scenario. The same arguments give the same result. */
export function runPolicy(
  options: SimulateOptions,
  run: PolicyRun,
  onProgress?: (progress: SimProgress) => void,
): PolicyRunResult {
  const { kind, grid } = policyNamed(run.policy);
  if (run.schedule !== undefined) return runSchedule(options, run.schedule, onProgress);
  if (kind === 'search') {
    const { outcome, workers } = staticBest(options, { ...run, onProgress });
    const found = Object.entries(workers).map(([pool, count]) =>
      count === null ? `${pool}: not even the whole budget` : `${pool}: ${count} workers`,
    );
    return { outcome, note: found.join(', ') };
  }
  const constants = grid[run.variant] ?? grid[0];
  const hopeless = hopelessWatch(options.config, run.requests, options.intervalSeconds ?? INTERVAL_SECONDS);
  let stopped = false;
  const result = simulate({
    ...options,
    scaler: (input) => kind.scaler(input, constants),
    ...(onProgress === undefined ? {} : { onProgress }),
    giveUp: (counted) => {
      stopped = run.whole !== true && hopeless(counted);
      return stopped;
    },
  });
  const outcome = outcomeOf(options.config, result);
  return stopped
    ? { outcome: { ...outcome, stopped }, note: stoppedWords(outcome) }
    : { outcome, note: null };
}

function stoppedWords({ wallSeconds }: Outcome): string {
  const hours = (wallSeconds / 3600).toFixed(1);
  return `stopped after ${hours} h, with more missed than the whole run allows and a queue that only grows; its figures are of that time`;
}

function runSchedule(
  options: SimulateOptions,
  byPool: NonNullable<PolicyRun['schedule']>,
  onProgress?: (progress: SimProgress) => void,
): PolicyRunResult {
  const { config, warmUpSeconds = 0, coldBegin } = options;
  const leadMs = coldBegin === true ? 0 : floorsReadyMs(config);
  const result = simulate({
    ...options,
    scaler: (input) =>
      new ScheduleScaler(input, {
        decode: byPool[input.pool.name] ?? [],
        prefill: fullFleet(input.policy).prefill,
        beginMs: input.nowMs + leadMs + warmUpSeconds * 1000,
      }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  return { outcome: outcomeOf(config, result), note: null };
}
