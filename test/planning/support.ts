import type { PoolObservation } from '../../src/contract/observation.js';
import { decide } from '../../src/planning/decide.js';
import { LoadWatch } from '../../src/planning/load-watch.js';
import { freshMemory, type PlannerMemory } from '../../src/planning/memory.js';
import type { CapacityFacts, PoolPolicy } from '../../src/planning/policy.js';
import type { PlannerMind } from '../../src/scheduler/planner-loop/mind.js';

/** A whole second. */
export const T = 1_700_000_000_000;

/** Round numbers: aggregated, TP 1, four GPUs, targets x buffer = 1 s and 0.1 s. */
export function policy(overrides: Partial<PoolPolicy> = {}): PoolPolicy {
  return {
    pool: 'p',
    tp: { prefill: 1, decode: 1 },
    gpuCeiling: 4,
    maxWorkers: 4,
    minWorkers: 0,
    thresholds: { prefillQueue: 0.5, decodeKv: 0.5 },
    aggressiveness: 'aggressive',
    lookAhead: 'proactive',
    burstProtection: false,
    costOptimization: false,
    advisory: false,
    buffer: 0.5,
    latencyPercentile: 90,
    violationsAllowed: 0.1,
    loadPredictor: 'constant',
    targets: { ttftSeconds: 2, itlSeconds: 0.2 },
    disaggregated: false,
    minPrefill: 0,
    idleAfterSeconds: 30,
    burstCalmSeconds: 10,
    fastIntervalSeconds: 1,
    adjustmentIntervalSeconds: 5,
    telemetryStaleSeconds: 5,
    windowSeconds: 20,
    allocatorSilentSeconds: 10,
    orderOverdueSeconds: 30,
    ...overrides,
  };
}

/** One worker: 4 requests/s (2 planned), 1,000 prompt tokens/s, ready after 10 s. */
export const facts: CapacityFacts = {
  rps: { prefill: 4, decode: 4 },
  prefillTokensPerSecond: 1000,
  coldStartSeconds: 10,
  model: null,
};

/** One worker does 4 requests/s, each alone in a quarter of a second. */
const worker = {
  rps: 4,
  sequences: 8,
  itlSeconds: 0.01,
  classes: [{ share: 1, tokens: 100, workSeconds: 0.25, ownSeconds: 0.25 }],
};
/** The same with the capacity model. */
export const modelled: CapacityFacts = { ...facts, model: { prefill: worker, decode: worker } };

interface Seen {
  at?: number;
  ready?: number;
  readyPrefill?: number;
  starting?: number;
  draining?: number;
  waiting?: number | null;
  waitingTokens?: number | null;
  lateWaiting?: number;
  lateTokens?: number;
  /** Requests/s in each of the last 40 seconds, or the counts themselves. */
  arrivals?: number | (number | null)[];
  running?: number | null;
  kvUsage?: number | null;
  latency?: Partial<PoolObservation['latency']>;
  grant?: PoolObservation['grant'];
  telemetryAge?: number | null;
  allocatorAge?: number | null;
  coldStart?: number | null;
}

/** A quiet pool, freshly observed, with `ready` workers; the rest as told. */
export function observation(seen: Seen = {}): PoolObservation {
  const { at = T, ready = 0, arrivals = 0, grant = null } = seen;
  const counts = typeof arrivals === 'number' ? Array.from({ length: 40 }, () => arrivals) : arrivals;
  const or = <V>(value: V | undefined, fallback: V): V => (value === undefined ? fallback : value);
  return {
    id: `p-${at}`,
    pool: 'p',
    atMs: at,
    telemetryAgeSeconds: or(seen.telemetryAge, 0.5),
    allocatorAgeSeconds: or(seen.allocatorAge, 0.5),
    queue: {
      prefillWaiting: or(seen.waiting, 0),
      decodeWaiting: seen.waiting === null ? null : 0,
      waitingTokens: or(seen.waitingTokens, 0),
      lateWaiting: seen.lateWaiting ?? 0,
      lateTokens: seen.lateTokens ?? 0,
      oldestWaitSeconds: null,
    },
    workers: {
      prefill: { starting: 0, ready: seen.readyPrefill ?? 0, draining: 0 },
      decode: { starting: seen.starting ?? 0, ready, draining: seen.draining ?? 0 },
    },
    load: {
      arrivals: counts,
      running: or(seen.running, 0),
      kvUsage: or(seen.kvUsage, ready > 0 ? 0 : null),
      isl: null,
      osl: null,
      prompts: null,
    },
    latency: { requests: 0, ttftSeconds: null, itlSeconds: null, violationShare: null, ...seen.latency },
    grant,
    coldStartSeconds: or(seen.coldStart, null),
  };
}

/** A planner that ordered `decode` workers as generation 1, was answered, and has seen traffic a moment ago. */
export function memory(decode: number, overrides: Partial<PlannerMemory> = {}): PlannerMemory {
  return {
    ...freshMemory({ prefill: 0, decode }, decode > 0 ? 1 : 0, T),
    lastTrafficAtMs: T,
    ...overrides,
  };
}

/** The grant that goes with `memory(decode)`. */
export function granted(decode: number, overrides: Partial<NonNullable<PoolObservation['grant']>> = {}) {
  return { generation: 1, prefill: 0, decode, shortage: 'none' as const, ...overrides };
}

/** A planner's mind that knows these facts and has learned nothing. */
export function mindOf(known: CapacityFacts): Pick<PlannerMind, 'look' | 'save'> {
  const watch = new LoadWatch(policy(), known.coldStartSeconds);
  return { look: () => ({ facts: known, outlook: null }), save: () => watch.save() };
}

/** What is decided on what was seen, by these rules. */
export function plan(
  seen: PoolObservation | null,
  has: PlannerMemory,
  rules: Partial<PoolPolicy> = {},
  now = T,
) {
  return decide({ observation: seen, policy: policy(rules), facts, memory: has, now });
}

/** The slow loop ran a moment ago and is not due. */
export const fast = { lastSlowAtMs: T };
