import type { BurstCheck } from './burst.js';
import { serves } from './load.js';
import { needFor } from './need.js';
import type { Proposal, Verdict } from './plan.js';
import { atLeast, exceeds, floorOf, growWithin, raisedTo, show } from './replicas.js';
import { rateOver, type Sight } from './sight.js';
import { asksForMore } from './spending.js';
import { fixed } from './words.js';

/** A burst counts where the pool protects itself and the ready workers do not carry it below the KV threshold. */
export function judgeSpike(s: Sight, check: BurstCheck | null): Verdict {
  const { policy, load } = s;
  if (!policy.burstProtection) return { is: false, why: 'burst protection is off' };
  if (check === null) return { is: false, why: 'hold: too few seconds are known to tell a burst' };
  if (!check.burst) return new NoBurst(check);
  const carried = load.capacityRps === null ? null : load.capacityRps * policy.thresholds.decodeKv;
  if (carried !== null && check.rps <= carried)
    return { is: false, why: `burst of ${figures(check)}, carried by the ready workers` };
  return { is: true, why: `burst: ${figures(check)}` };
}

/** Its reason is written where it is read: of most looks nobody does. */
class NoBurst implements Verdict {
  readonly is = false;

  constructor(private readonly check: BurstCheck) {}

  get why(): string {
    return `no burst: ${figures(this.check)}`;
  }
}

function figures({ rps, baselineRps, pValue }: BurstCheck): string {
  return `${fixed(rps)} requests/s after ${fixed(baselineRps)}, p ${fixed(pValue)}`;
}

/**
 * What a burst needs, up to the budget: its rate, and the backlog that will have grown by the time new workers
 * serve, worked off within the calm time:
 *   backlog = waiting + max(0, rate - capacity) x cold start;   needed rate = rate + backlog / calm time.
 * A pool that spends allowed violations on purpose spends them on bursts first, since most are over before a worker could
 * come: it surges once more was late than it plans for, for the rate of the last cold start (as much of it as the window has): what has
 * not lasted so long will hardly last until a worker comes. What stands aside waits.
 */
export function surge(s: Sight, check: BurstCheck | null): Proposal | null {
  if (check === null) return null;
  const { policy, memory } = s;
  const spends = s.prospects !== null && policy.costOptimization;
  if (spends && !asksForMore(s)) return null;
  const { rate, behind } = spends ? lasting(s, check) : withBacklog(s, check);
  const { desired } = memory;
  const need = needFor(s, [rate]) ?? { ...desired, decode: desired.decode + 1 };
  const want = atLeast({ prefill: policy.minPrefill, decode: 1 }, need);
  const base = raisedTo(floorOf(memory.floor ?? policy.minWorkers, policy), desired, policy);
  const replicas = growWithin(base, atLeast(base, want), policy);
  if (!exceeds(replicas, desired)) return null;
  const why = `burst of ${fixed(check.rps)} requests/s (${fixed(check.baselineRps)} before), ${behind}: needs ${show(want)}`;
  return { replicas, why };
}

/** The rate to carry, requests/s, and what stands behind it. */
interface Wanted {
  rate: number;
  behind: string;
}

function lasting(s: Sight, { rps }: BurstCheck): Wanted {
  return { rate: Math.min(rps, rateOver(s, s.coldStartSeconds) ?? rps), behind: s.spending.why };
}

function withBacklog({ policy, facts, load, coldStartSeconds }: Sight, { rps }: BurstCheck): Wanted {
  const missing = Math.max(0, rps - serves(load.ready, policy, facts));
  const backlog = (load.waiting ?? 0) + missing * coldStartSeconds;
  return { rate: rps + backlog / Math.max(1, policy.burstCalmSeconds), behind: `backlog ${fixed(backlog)}` };
}
