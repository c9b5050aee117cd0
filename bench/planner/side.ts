import { detectBurst } from '../../src/planning/burst.js';
import { isSlowDue } from '../../src/planning/horizon.js';
import { counted } from '../../src/planning/load.js';
import { freshMemory } from '../../src/planning/memory.js';
import { type PoolPolicy, policyOf } from '../../src/planning/policy.js';
import { NONE } from '../../src/planning/replicas.js';
import { PlannerMind } from '../../src/scheduler/planner-loop/mind.js';
import { beginning, type PlannerSnapshot } from '../../src/scheduler/planner-loop/snapshot.js';
import { step, tick } from '../../src/scheduler/planner-loop/step.js';
import { quantile } from '../support/stats.js';
import { CASES, type PlannerSide, planConfig, type Timing } from './cases.js';
import { observations, type Seen } from './observe.js';

/** One side of the benchmark, in a process of its own with --expose-gc: `CASE`; sends its figures and ends. */
const of = CASES.find(({ name }) => name === process.argv[2]);
if (of === undefined || process.send === undefined || globalThis.gc === undefined)
  throw new Error('expected to be forked with a case and --expose-gc');
const collect = globalThis.gc;

const config = planConfig(of);
const { medium } = config.pools;
const { seen, profile, tp } = observations(of, 1);
const policy = policyOf(config, medium, tp);

/** One pool's planner, as the live loop and the simulator drive it. */
interface Planner {
  mind: PlannerMind;
  snapshot: PlannerSnapshot;
}

const slow: number[] = [];
const fast: number[] = [];
const burst: number[] = [];
const json: number[] = [];
const rounds: number[] = [];

/** Looks that a process makes before it is timed: a planner runs for weeks, and the compiler is done in its first minutes. */
const WARM_LOOKS = 6_000;

/** Share of the measured looks that are not timed. */
const AGAIN = 0.1;

const READING_MS = readingMs();

const begunMs = seen[0]?.now ?? 0;
const past = seen.filter(({ now }) => now < begunMs + of.pastSeconds * 1000);
const measured = seen.slice(past.length);
for (let looks = 0; looks < WARM_LOOKS; looks += seen.length) follow(seen);
const trained = follow(past);

collect();
const before = process.memoryUsage().heapUsed;
const state = JSON.stringify(trained.mind.save());
const everyTicks = Math.round(policy.adjustmentIntervalSeconds / policy.fastIntervalSeconds);
const planners = Array.from({ length: of.pools }, (_, k): Planner => {
  // Pools size at different looks, as planners do that were started one after another.
  const memory = structuredClone(trained.snapshot.memory);
  if (memory.lastSlowAtMs !== null)
    memory.lastSlowAtMs -= (k % everyTicks) * policy.fastIntervalSeconds * 1000;
  return {
    mind: new PlannerMind(medium, policy, profile, JSON.parse(state)),
    snapshot: { ...trained.snapshot, memory },
  };
});
// The collection before took compiled code with it, too.
const again = Math.ceil(measured.length * AGAIN);
for (const [at, one] of measured.entries()) {
  let roundMs = 0;
  for (const planner of planners) {
    const { isSlow, ms } = look(planner, one, policy);
    if (at >= again) (isSlow ? slow : fast).push(ms);
    roundMs += ms;
  }
  if (at < again) continue;
  rounds.push(roundMs);
  const { arrivals } = one.observation.load;
  burst.push(repeated(() => detectBurst(counted(arrivals), policy.fastIntervalSeconds)));
  json.push(repeated(() => JSON.parse(JSON.stringify(one.observation))));
}
const samples = slow.length + fast.length + burst.length + json.length + rounds.length;
collect();
// Eight bytes a sample are the benchmark's own.
const kept = process.memoryUsage().heapUsed - before - 8 * samples;
const side: PlannerSide = {
  slow: timingOf(slow),
  fast: timingOf(fast),
  burst: timingOf(burst),
  json: timingOf(json),
  round: planners.length === 1 ? null : timingOf(rounds),
  kilobytesPerPool: planners.length === 1 ? null : kept / planners.length / 1024,
};
process.send(side, () => process.exit(0));

/** A new planner, and what it has become after all of that. */
function follow(all: readonly Seen[]): Planner {
  const planner = {
    mind: new PlannerMind(medium, policy, profile),
    snapshot: beginning(medium.name, freshMemory(NONE, 0, begunMs), 0, begunMs),
  };
  for (const one of all) look(planner, one, policy);
  return planner;
}

/** One look, timed: what the planner learns, decides and lets the machine take. */
function look(
  planner: Planner,
  { observation, now }: Seen,
  policy: PoolPolicy,
): { isSlow: boolean; ms: number } {
  const isSlow = isSlowDue(planner.snapshot.memory, policy, now);
  const at = cpuMs();
  const pending = planner.snapshot.memory.order;
  const generation = observation.grant?.generation ?? 0;
  if (pending !== null && generation >= pending.generation)
    planner.snapshot = step(planner.snapshot, { type: 'ORDER_CONFIRMED', now, generation }).snapshot;
  const { facts, outlook } = planner.mind.look(observation, planner.snapshot.memory, now);
  planner.snapshot = tick(planner.snapshot, { observation, policy, facts, outlook, now }).snapshot;
  return { isSlow, ms: cpuMs() - at - READING_MS };
}

/** Median of what passes between two readings of the clock: it is no part of a look, and of a short one a good share. */
function readingMs(): number {
  const samples = Array.from({ length: 2001 }, () => {
    const at = cpuMs();
    return cpuMs() - at;
  });
  return quantile(
    samples.sort((a, b) => a - b),
    0.5,
  );
}

/** Mean of ten runs in a row, since one takes hardly longer than the clock. */
function repeated(work: () => unknown): number {
  const at = cpuMs();
  for (let k = 0; k < 10; k++) work();
  return (cpuMs() - at) / 10;
}

/** Processor time of this process, all threads: what others do on the machine meanwhile does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function timingOf(samples: readonly number[]): Timing {
  const sorted = [...samples].sort((a, b) => a - b);
  const sum = sorted.reduce((total, ms) => total + ms, 0);
  return { count: sorted.length, meanMs: sum / sorted.length, p99Ms: quantile(sorted, 0.99) };
}
