import type { PoolConfig } from '../../config/types.js';
import { policyOf } from '../../planning/policy.js';
import { fullFleet, StaticScaler } from '../baselines/static.js';
import type { SimulateOptions } from '../run/options.js';
import { simulate } from '../run/simulate.js';
import type { TimedRequest } from '../workload/arrivals.js';
import { leastRequests, within } from './hours.js';

/** One hour of one pool under fixed fleets of several sizes, each simulated by itself. */
export interface HourCell {
  pool: string;
  hour: number;
  arrivals: number;
  /** Requests within their SLO, by number of decode workers from 0 to the whole budget's; as `hourCells` says. */
  attained: number[];
  /** Fewest workers that keep the hour; null: not even the whole budget. */
  need: number | null;
}

export interface HourWork {
  /** Only hours h with h % of === part. */
  part: number;
  of: number;
}

/** Each hour begins with so much of the hour before it: a fleet at work, not an empty one. */
const LEAD_SECONDS = 180;
/** What has not ended so many minutes after the hour counts as missed. */
const AFTER_MINUTES = 2;
/** Below this share of attainment smaller fleets are not simulated. */
const HOPELESS = 0.5;

/**
 * How many requests of each hour a fixed fleet of each size serves within their SLO. Sizes are simulated about the fewest
 * that keep the hour: up to the size that keeps all of it, down to one that keeps less than half. Below, the count is
 * taken to fall evenly to 0 at no worker: in truth it falls faster, so that what is built on it is a lower bound.
 */
export function hourCells(options: SimulateOptions, work: HourWork): HourCell[] {
  const cells: HourCell[] = [];
  const { config } = options;
  const sizes = new Map<string, number>();
  for (const { hour, requests } of hoursIn(options)) {
    if (hour % work.of !== work.part) continue;
    for (const pool of Object.values(config.pools)) {
      const own = requests.filter(({ level }) => (level ?? config.defaultLevel) === pool.level);
      const cell = hourCell(options, pool, hour, own, sizes.get(pool.name) ?? 1);
      sizes.set(pool.name, cell.need ?? cell.attained.length - 1);
      cells.push(cell);
    }
  }
  return cells;
}

function hourCell(
  options: SimulateOptions,
  pool: PoolConfig,
  hour: number,
  requests: readonly TimedRequest[],
  guess: number,
): HourCell {
  const { config, engines, dispatchSeconds } = options;
  const engine = engines[pool.name];
  const tp = engine?.tp ?? { vllm: 1, prefill: 1 };
  const full = fullFleet(policyOf(config, pool, { prefill: tp.prefill, decode: tp.vllm }));
  const lead = hour === 0 ? (options.warmUpSeconds ?? 0) : LEAD_SECONDS;
  const arrivals = requests.filter(({ atSeconds }) => atSeconds >= lead).length;
  const known = new Map<number, number>();
  const attainedBy = (decode: number): number => {
    if (decode === 0 || arrivals === 0 || engine === undefined) return 0;
    const seen = known.get(decode);
    if (seen !== undefined) return seen;
    let minutes = 0;
    const { pools } = simulate({
      config: { ...config, pools: { [pool.name]: { ...pool, minWorkers: 0 } }, defaultLevel: pool.level },
      engines: { [pool.name]: engine },
      requests,
      scaler: (input) => new StaticScaler(input, { prefill: full.prefill, decode }),
      warmUpSeconds: lead,
      durationSeconds: lead + 3600,
      giveUp: () => ++minutes >= 60 + AFTER_MINUTES,
      ...(dispatchSeconds === undefined ? {} : { dispatchSeconds }),
    });
    const attained = pools[pool.name]?.tally.attained ?? 0;
    known.set(decode, attained);
    return attained;
  };
  const judged = arrivals >= leastRequests(pool.violationsAllowed);
  const keeps = (decode: number) => within(arrivals, attainedBy(decode), pool.violationsAllowed);
  let need: number | null = Math.max(pool.minWorkers, arrivals > 0 ? 1 : 0);
  if (judged) {
    const floor = need;
    need = Math.min(full.decode, Math.max(floor, guess));
    if (keeps(need)) while (need > floor && keeps(need - 1)) need--;
    else
      do need = need < full.decode ? need + 1 : null;
      while (need !== null && !keeps(need));
  }
  const about = need ?? full.decode;
  for (let n = about; n <= full.decode && attainedBy(n) < 0.999 * arrivals; ) n++;
  for (let n = about; n > 1 && attainedBy(n) >= HOPELESS * arrivals; ) n--;
  return { pool: pool.name, hour, arrivals, attained: filled(known, full.decode), need };
}

/** The count of every size from those that were simulated. */
function filled(known: ReadonlyMap<number, number>, most: number): number[] {
  const sizes = [...known.keys()].sort((a, b) => a - b);
  const [least = 0] = sizes;
  let last = 0;
  return Array.from({ length: most + 1 }, (_, n) => {
    if (n < least) return ((known.get(least) ?? 0) * n) / least;
    last = Math.max(last, known.get(n) ?? 0);
    return last;
  });
}

/** The requests of each counted hour, its lead before it; times from the begin of the lead. */
function* hoursIn(options: SimulateOptions): Generator<{ hour: number; requests: TimedRequest[] }> {
  const { warmUpSeconds = 0, durationSeconds = Number.POSITIVE_INFINITY } = options;
  let hour = 0;
  let begin = 0;
  let requests: TimedRequest[] = [];
  const end = () => warmUpSeconds + (hour + 1) * 3600;
  const turn = () => {
    const next = end() - LEAD_SECONDS;
    const tail = requests.flatMap((request) => {
      const atSeconds = request.atSeconds + begin - next;
      return atSeconds >= 0 ? [{ ...request, atSeconds }] : [];
    });
    begin = next;
    hour++;
    requests = tail;
  };
  for (const request of options.requests) {
    if (request.atSeconds >= durationSeconds) break;
    while (request.atSeconds >= end()) {
      yield { hour, requests };
      turn();
    }
    requests.push({ ...request, atSeconds: request.atSeconds - begin });
  }
  yield { hour, requests };
}
