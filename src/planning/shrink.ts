import { backlogOf, isLeft, worksOff } from './backlog.js';
import { serves } from './load.js';
import type { Prospect } from './model/late-curve.js';
import type { Proposal } from './plan.js';
import type { RatesAhead, WindowForecast } from './rates.js';
import { exceeds, floorOf, NONE, type Replicas, show } from './replicas.js';
import type { Sight } from './sight.js';
import type { Shortage } from './sizing.js';
import { fixed, percent, seconds } from './words.js';

/** What stays must carry the forecast (and one deviation) this many times over, so that it is not wanted back soon. */
const MARGIN = 1.2;
/** What stays must keep its loads under this share of the scale-up thresholds. */
const LOAD_MARGIN = 0.8;
/** No removal for so many cold starts after a scale-up. */
const HOLD_COLD_STARTS = 1;
/** By the capacity model, what stays may use this share of what may be late, so that it is not wanted back soon. */
const SHRINK_MARGIN = 0.5;
/** And this share, should the last hour's bursts come again. */
const RETURN_MARGIN = 0.75;
/** A pool that does not optimise cost is calm after so long without an order for more. */
const CALM_SECONDS = 600;
/** Requests/s that count as none. */
export const SILENT_RPS = 1e-3;

/**
 * Cost optimisation, in the slow loop only: one worker fewer, where everything is known, nothing is in flight, the last
 * scale-up is a cold start old, and what stays carries the forecast over one cold start and one interval with
 * a margin. Without one, why not.
 */
export function shrink(
  s: Sight,
  ahead: WindowForecast | null,
  within: readonly RatesAhead[] | null,
  shortage: Shortage,
): { fewer: Proposal | null; kept: string } {
  const { memory, policy, o } = s;
  const keep = (kept: string) => ({ fewer: null, kept });
  const draining = o.workers.decode.draining + o.workers.prefill.draining;
  if (!s.slow) return keep('only the slow loop takes away');
  if (s.short || memory.order !== null || draining > 0) return keep('the last order is not done yet');
  if (!policy.costOptimization && s.prospects === null) return keep('cost optimisation is off');
  const sinceMore = memory.lastMoreAtMs === null ? null : s.now - memory.lastMoreAtMs;
  if (sinceMore === null && !policy.costOptimization)
    return keep('cost optimisation is off and nothing was added');
  if (sinceMore !== null && sinceMore < holdMs(s))
    return keep(`more was ordered ${seconds(sinceMore)} ago, held for ${seconds(holdMs(s))}`);
  if (ahead === null || s.load.waiting === null || o.load.running === null)
    return keep('the load is not known well enough');
  const floor = floorOf(memory.floor ?? policy.minWorkers, policy);
  for (const after of candidates(memory.desired)) {
    if (exceeds(floor, after)) continue;
    const wanted = policy.costOptimization ? null : saturated(after, shortage);
    if (wanted !== null) return keep(`it is no calm: ${wanted}`);
    if (s.prospects !== null && after.decode > 0) {
      const words = isPlanned(after, s, within);
      if (words !== null) return { fewer: { replicas: after, why: words }, kept: '' };
      continue;
    }
    if (!carries(after, s, ahead)) continue;
    const why =
      `${show(after)} carry the ${fixed(ahead.peak)} +- ${fixed(ahead.sd)} requests/s ` +
      `forecast within ${fixed(ahead.horizonSeconds)} s`;
    const words = after.decode === 0 ? 'nothing runs, waits or is forecast' : why;
    return { fewer: { replicas: after, why: words }, kept: '' };
  }
  return keep(
    'one fewer would not keep the level with its margin over all of a cold start and an interval' +
      (s.outlook?.returning === undefined ? '' : ", or not through the last hour's bursts"),
  );
}

/** Why what stays would be too few for what is saturated now: such a pool would want it back at once. */
function saturated(after: Replicas, shortage: Shortage): string | null {
  const short = (['prefill', 'decode'] as const).find((role) => (shortage[role]?.need ?? 0) > after[role]);
  return short === undefined ? null : (shortage[short]?.why ?? null);
}

/** Without cost optimisation a pool gives a worker up only after a long calm. */
function holdMs({ policy, coldStartSeconds }: Sight): number {
  const hold = HOLD_COLD_STARTS * coldStartSeconds;
  return 1000 * (policy.costOptimization ? hold : Math.max(10 * hold, CALM_SECONDS));
}

/** Whether what stays keeps the level, in the mean over all that is likely within one cold start and one interval. */
function isPlanned(after: Replicas, s: Sight, within: readonly RatesAhead[] | null): string | null {
  const { prospects, spending, policy } = s;
  if (prospects === null || within === null || s.load.waiting === null) return null;
  if (after.prefill < policy.minPrefill && after.decode > 0) return null;
  let late = 0;
  let lateWork = 0;
  for (const { rates } of within) {
    const prospect = prospects.of(after, rates);
    late += prospect.late / within.length;
    lateWork += prospect.lateWork / within.length;
  }
  const { hopeless } = spending;
  const keeps = (share: number, of: Prospect) =>
    (['late', 'lateWork'] as const).every(
      (kind) => of[kind] <= hopeless[kind] + (spending[kind] - hopeless[kind]) * share,
    );
  if (!keeps(SHRINK_MARGIN, { late, lateWork })) return null;
  const { returning } = s.outlook ?? {};
  if (returning !== undefined && !keeps(RETURN_MARGIN, prospects.of(after, returning))) return null;
  const mean = within.reduce((sum, lead) => sum + lead.mean, 0) / within.length;
  const backlog = backlogOf(s, mean);
  if (backlog !== null && isLeft(backlog) && !worksOff(after, backlog, s)) return null;
  return (
    `${show(after)} leave ${percent(late)} late of ${fixed(mean)} requests/s forecast within ` +
    `${fixed(within.at(-1)?.seconds ?? 0)} s: ${spending.why}`
  );
}

function candidates({ prefill, decode }: Replicas): Replicas[] {
  const fewer: Replicas[] = [];
  if (decode > 1) fewer.push({ prefill, decode: decode - 1 });
  if (prefill > 1) fewer.push({ prefill: prefill - 1, decode });
  if (decode === 1) fewer.push(NONE);
  return fewer;
}

function carries(after: Replicas, s: Sight, ahead: WindowForecast): boolean {
  const { load, policy, facts, o } = s;
  if (after.prefill < policy.minPrefill && after.decode > 0) return false;
  if (after.decode === 0) {
    const silent = ahead.peak <= SILENT_RPS && load.recentRps === 0;
    return silent && load.waiting === 0 && o.load.running === 0;
  }
  const capacity = serves(after, policy, facts) * policy.buffer;
  if (facts.rps.decode <= 0 || capacity < (ahead.peak + ahead.sd) * MARGIN) return false;
  if (load.decodeKv === null || load.prefillQueue === null) return false;
  const kv = (load.decodeKv * load.ready.decode) / after.decode;
  const prefillers = after.prefill > 0 ? after.prefill : after.decode;
  const readyPrefillers = load.ready.prefill > 0 ? load.ready.prefill : load.ready.decode;
  const queue = (load.prefillQueue * readyPrefillers) / prefillers;
  return (
    kv <= policy.thresholds.decodeKv * LOAD_MARGIN && queue <= policy.thresholds.prefillQueue * LOAD_MARGIN
  );
}
