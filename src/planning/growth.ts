import { backlogOf, isHeavy, needToWorkOff, worksOff } from './backlog.js';
import { serves } from './load.js';
import type { PlannerMemory } from './memory.js';
import { needFor } from './need.js';
import type { Proposal } from './plan.js';
import type { RatesAhead } from './rates.js';
import { atLeast, exceeds, floorOf, growWithin, NONE, type Replicas, raisedTo, show } from './replicas.js';
import { rateNow, rateOver, type Sight } from './sight.js';
import type { Evidence, Shortage } from './sizing.js';
import { allowedLate, asksForMore } from './spending.js';
import { sightingsNeeded, stepTowards } from './steps.js';
import { fixed, percent } from './words.js';

/** By the capacity model, a saturation must last for one part in so many of a cold start: a shorter one is over before help comes. */
const LASTING = 10;
/** A load has fallen that is now less than this share of the window's mean: what the window tells of it is over. */
const FALLEN = 0.75;

export interface Growth {
  more: Proposal | null;
  /** What is saturated now, by role, whether or not more may be ordered for it. */
  shortage: Shortage;
  sightings: PlannerMemory['sightings'];
}

/**
 * What the pool wants beyond what it ordered. At once: the floor, the first worker for a request that waits, and
 * the drain taken back when load returns. After as many sightings, and in such steps, as the aggressiveness says:
 * saturation (every tick) and the forecast over the look-ahead (slow ticks).
 */
export function growth(s: Sight, ahead: RatesAhead | null, idle: boolean): Growth {
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
    hopelessShare: s.spending.hopeless.late,
  });
  wants.push(...fromZero(s), ...takeBack(s, shortage.prefill ?? shortage.decode));

  const sightings = { ...memory.sightings };
  const enough = sightingsNeeded(policy.aggressiveness);
  const lasting = Math.max(enough, Math.ceil(s.coldStartSeconds / LASTING / policy.fastIntervalSeconds));
  for (const role of ['prefill', 'decode'] as const) {
    const evidence = shortage[role];
    sightings[role] = evidence !== null && evidence.need > desired[role] ? sightings[role] + 1 : 0;
    if (evidence === null || sightings[role] < (s.prospects === null ? enough : lasting)) continue;
    if (s.prospects !== null && !isUrgent(s, evidence)) continue;
    const to = stepTowards(desired[role], evidence.need, policy.aggressiveness);
    wants.push({ replicas: { ...desired, [role]: to }, why: `${evidence.why}; needs ${evidence.need}` });
  }

  if (s.slow) {
    const wanted = idle
      ? []
      : [forecastNeed(s, ahead), returningNeed(s), backlogNeed(s, ahead)].filter((one) => one !== null);
    const beyond = wanted.filter(({ need }) => exceeds(need, desired));
    sightings.forecast = beyond.length > 0 ? sightings.forecast + 1 : 0;
    if (sightings.forecast >= enough)
      for (const { need, why } of beyond) wants.push({ replicas: stepAll(desired, need, s), why: why() });
  }

  const want = wants.reduce((most, { replicas }) => atLeast(most, replicas), desired);
  // The floor goes before what else is held or wanted; the rest of a short budget is split.
  const replicas = growWithin(raisedTo(floor, desired, policy), want, policy);
  if (!exceeds(replicas, desired)) return { more: null, shortage, sightings };
  const short = exceeds(want, replicas) ? `; limits allow ${show(replicas)} of ${show(want)}` : '';
  return { more: { replicas, why: wants.map(({ why }) => why).join('; ') + short }, shortage, sightings };
}

/** Where nothing ended in the window, how much of it is late is not known, and saturation is believed. */
function isUrgent(s: Sight, evidence: Evidence): boolean {
  if (evidence.past === true && hasFallen(s)) return false;
  return s.o.latency.violationShare === null || asksForMore(s);
}

function hasFallen(s: Sight): boolean {
  const now = rateNow(s);
  const window = rateOver(s, s.policy.windowSeconds);
  return now !== null && window !== null && now < window * FALLEN;
}

/** What a load to come needs; the reason is made where it is an order's. */
interface Need {
  need: Replicas;
  why: () => string;
}

function forecastNeed(s: Sight, ahead: RatesAhead | null): Need | null {
  const need = ahead === null ? null : needFor(s, ahead.rates);
  if (ahead === null || need === null) return null;
  const when = ahead.seconds > 0 ? `forecast in ${fixed(ahead.seconds)} s` : 'now';
  const why = () =>
    `${fixed(ahead.mean)} requests/s ${when} need ${show(need)}` +
    (s.prospects === null ? '' : `: ${s.spending.why}, ${prospectWords(s, s.memory.desired, ahead.rates)}`);
  return { need, why };
}

/** Bursts that came again and again are there before a worker could come: what carries them stays in the lulls between. */
function returningNeed(s: Sight): Need | null {
  const { returning } = s.outlook ?? {};
  const need = returning === undefined || s.prospects === null ? null : needFor(s, returning);
  if (returning === undefined || need === null) return null;
  const why = () =>
    `the last hour's bursts, come again, need ${show(need)}: ${s.spending.why}, ${prospectWords(s, s.memory.desired, returning)}`;
  return { need, why };
}

/** What stands aside has grown so much that what is ordered would not work it off in time. */
function backlogNeed(s: Sight, ahead: RatesAhead | null): Need | null {
  const backlog = ahead === null ? null : backlogOf(s, ahead.mean);
  if (backlog === null || !isHeavy(backlog) || worksOff(s.memory.desired, backlog, s)) return null;
  const need = needToWorkOff(backlog, s);
  const why = () =>
    `${fixed(backlog.requests)} requests of usual size stand aside, which with what comes are ${fixed(backlog.rps)} requests/s: needs ${show(need)}`;
  return { need, why };
}

function prospectWords(s: Sight, replicas: Replicas, rates: readonly number[]): string {
  if (replicas.decode === 0) return 'no worker is ordered';
  const late = s.prospects?.of(replicas, rates).late ?? 0;
  return `${percent(late)} would be with ${show(replicas)}`;
}

function isSettled({ memory, policy, now }: Sight): boolean {
  return memory.lastShortAtMs === null || now - memory.lastShortAtMs >= policy.windowSeconds * 1000;
}

function fromZero(s: Sight): Proposal[] {
  const { waiting, recentRps } = s.load;
  const { desired } = s.memory;
  if (desired.decode > 0 || waiting === null || waiting === 0) return [];
  const need = needFor(s, [recentRps ?? 0]) ?? NONE;
  const decode = stepTowards(0, Math.max(1, need.decode), s.policy.aggressiveness);
  const prefill = Math.max(desired.prefill, s.policy.minPrefill, opens(s) ? need.prefill : 0);
  const replicas = { prefill, decode };
  return [{ replicas, why: `${waiting} requests wait and no worker is ordered` }];
}

function takeBack(s: Sight, evidence: Evidence | null): Proposal[] {
  const { drainFrom, desired } = s.memory;
  if (drainFrom === null) return [];
  if (s.prospects !== null) return takeBackPredicted(s, drainFrom);
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

/** By the capacity model: with what stays, more of the present load would be late than ever may be. */
function takeBackPredicted(s: Sight, drainFrom: Replicas): Proposal[] {
  const { prospects, memory, policy, load } = s;
  const rate = rateNow(s);
  if (prospects === null || rate === null) return [];
  if (memory.desired.decode === 0)
    return (load.waiting ?? 0) > 0
      ? [{ replicas: drainFrom, why: `load returned before the drain ended: ${load.waiting} requests wait` }]
      : [];
  const { late } = prospects.of(memory.desired, [rate]);
  const { hopeless } = s.spending;
  const most = Math.max(s.spending.late, hopeless.late + allowedLate(policy) * (1 - hopeless.late));
  if (late <= most) return [];
  const why = `load returned before the drain ended: ${percent(late)} late of ${fixed(rate)} requests/s`;
  return [{ replicas: drainFrom, why }];
}

/** All prompts of a disaggregated pool go to its prefill workers: where the planner chose the form, they come together. */
function opens({ policy, memory }: Sight): boolean {
  return policy.form === 'auto' && policy.disaggregated && memory.desired.prefill === 0;
}

function stepAll(have: Replicas, need: Replicas, s: Sight): Replicas {
  const { policy } = s;
  const step = (role: keyof Replicas) =>
    need[role] > have[role] ? stepTowards(have[role], need[role], policy.aggressiveness) : have[role];
  return { prefill: opens(s) ? need.prefill : step('prefill'), decode: step('decode') };
}
