import type { RateForecast } from '../forecast/rate.js';
import { serves } from './load.js';
import type { PlannerMemory } from './memory.js';
import type { Proposal } from './plan.js';
import { atLeast, exceeds, floorOf, growWithin, NONE, type Replicas, show } from './replicas.js';
import type { Sight } from './sight.js';
import type { Evidence } from './sizing.js';
import { sightingsNeeded, stepTowards } from './steps.js';
import { fixed } from './words.js';

export interface Growth {
  more: Proposal | null;
  sightings: PlannerMemory['sightings'];
}

/**
 * What the pool wants beyond what it ordered. At once: the floor, the first worker for a request that waits, and
 * the drain taken back when load returns. After as many sightings, and in such steps, as the aggressiveness says:
 * saturation (every tick) and the forecast over the look-ahead (slow ticks).
 */
export function growth(s: Sight, ahead: RateForecast | null, idle: boolean): Growth {
  const { policy, memory, sizing, load, facts } = s;
  const { desired } = memory;
  const wants: Proposal[] = [];

  const floor = floorOf(memory.floor ?? policy.minWorkers, policy);
  if (exceeds(floor, desired)) wants.push({ replicas: floor, why: `the floor is ${show(floor)}` });
  if (desired.decode > 0 && desired.prefill < policy.minPrefill) {
    const replicas = { ...desired, prefill: policy.minPrefill };
    wants.push({ replicas, why: `disaggregation holds ${policy.minPrefill} prefill workers` });
  }

  const shortage = sizing.shortage({
    observation: s.o,
    policy,
    facts,
    load,
    desired,
    settled: !s.short && isSettled(s),
  });
  wants.push(...fromZero(s), ...takeBack(s, shortage.prefill ?? shortage.decode));

  const sightings = { ...memory.sightings };
  const enough = sightingsNeeded(policy.aggressiveness);
  for (const role of ['prefill', 'decode'] as const) {
    const evidence = shortage[role];
    sightings[role] = evidence !== null && evidence.need > desired[role] ? sightings[role] + 1 : 0;
    if (evidence === null || sightings[role] < enough || sightings[role] === 0) continue;
    const to = stepTowards(desired[role], evidence.need, policy.aggressiveness);
    wants.push({ replicas: { ...desired, [role]: to }, why: `${evidence.why}; needs ${evidence.need}` });
  }

  if (s.slow) {
    const need = ahead === null || idle ? null : sizing.forRate(ahead.peak, policy, facts);
    sightings.forecast = need !== null && exceeds(need, desired) ? sightings.forecast + 1 : 0;
    if (ahead !== null && need !== null && sightings.forecast >= enough) {
      wants.push({
        replicas: stepAll(desired, need, s),
        why: `${fixed(ahead.peak)} requests/s forecast within ${fixed(ahead.horizonSeconds)} s need ${show(need)}`,
      });
    }
  }

  const want = wants.reduce((most, { replicas }) => atLeast(most, replicas), desired);
  const replicas = growWithin(desired, want, policy);
  if (!exceeds(replicas, desired)) return { more: null, sightings };
  const short = exceeds(want, replicas) ? `; limits allow ${show(replicas)} of ${show(want)}` : '';
  return { more: { replicas, why: wants.map(({ why }) => why).join('; ') + short }, sightings };
}

function isSettled({ memory, policy, now }: Sight): boolean {
  return memory.lastShortAtMs === null || now - memory.lastShortAtMs >= policy.windowSeconds * 1000;
}

function fromZero(s: Sight): Proposal[] {
  const { waiting, recentRps } = s.load;
  const { desired } = s.memory;
  if (desired.decode > 0 || waiting === null || waiting === 0) return [];
  const need = s.sizing.forRate(recentRps ?? 0, s.policy, s.facts) ?? NONE;
  const decode = stepTowards(0, Math.max(1, need.decode), s.policy.aggressiveness);
  const replicas = { prefill: Math.max(desired.prefill, s.policy.minPrefill), decode };
  return [{ replicas, why: `${waiting} requests wait and no worker is ordered` }];
}

function takeBack(s: Sight, evidence: Evidence | null): Proposal[] {
  const { drainFrom, desired } = s.memory;
  if (drainFrom === null) return [];
  const { recentRps, waiting } = s.load;
  const carries = serves(desired, s.policy, s.facts) * s.policy.buffer;
  const returned =
    evidence?.why ??
    (recentRps !== null && recentRps > carries
      ? `${fixed(recentRps)} requests/s, ${fixed(carries)} planned for`
      : waiting !== null && waiting > 0 && desired.decode === 0
        ? `${waiting} requests wait`
        : null);
  return returned === null
    ? []
    : [{ replicas: drainFrom, why: `load returned before the drain ended: ${returned}` }];
}

function stepAll(have: Replicas, need: Replicas, { policy }: Sight): Replicas {
  const step = (role: keyof Replicas) =>
    need[role] > have[role] ? stepTowards(have[role], need[role], policy.aggressiveness) : have[role];
  return { prefill: step('prefill'), decode: step('decode') };
}
