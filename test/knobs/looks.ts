import type { Config } from '../../src/config/types.js';
import type { PoolObservation } from '../../src/contract/observation.js';
import type { Heartbeat } from '../../src/contract/worker.js';
import { createEngine } from '../../src/engines/create.js';
import type { Engine } from '../../src/engines/engine.js';
import { budgetsOf, inventoryOf } from '../../src/gpu/core/inventory.js';
import { emptyLedger, type Ledger } from '../../src/gpu/core/ledger.js';
import { type PoolPlan, planPool } from '../../src/gpu/core/plan.js';
import { workerSizes } from '../../src/gpu/worker-size.js';
import { decide } from '../../src/planning/decide.js';
import { freshMemory, type PlannerMemory } from '../../src/planning/memory.js';
import type { Plan } from '../../src/planning/plan.js';
import { type CapacityFacts, policyOf } from '../../src/planning/policy.js';
import { loadProfile } from '../../src/profile/load.js';
import { capacityFacts } from '../../src/scheduler/planner-loop/facts.js';
import { buildObservation, type Readings } from '../../src/telemetry/build-observation.js';
import type { QueueDepth } from '../../src/telemetry/depth.js';
import { endFigures } from '../../src/telemetry/figures.js';
import { observation, T } from '../planning/support.js';
import { poolOf } from './knob.js';

/** The start of a second. */
export const NOW = T;

/** What one worker of pool `p` can do, as its planner reckons. */
export function factsOf(config: Config, load: PoolObservation['load'] | null = null): CapacityFacts {
  const pool = poolOf(config);
  const sizes = workerSizes(pool);
  const profile = pool.engine.kind === 'sim' ? loadProfile(pool.engine.profile) : null;
  return capacityFacts(pool, { prefill: sizes.prefill.tp, decode: sizes.vllm.tp }, profile, load);
}

interface Ticking {
  /** Decode workers that were ordered long ago. */
  ordered?: number;
  memory?: Partial<PlannerMemory>;
}

/** What the planner of pool `p` makes of an observation. */
export function planOf(
  config: Config,
  seen: PoolObservation,
  { ordered = 1, memory = {} }: Ticking = {},
): Plan {
  const sizes = workerSizes(poolOf(config));
  return decide({
    observation: seen,
    policy: policyOf(config, poolOf(config), { prefill: sizes.prefill.tp, decode: sizes.vllm.tp }),
    facts: factsOf(config, seen.load),
    memory: {
      ...freshMemory({ prefill: 0, decode: ordered }, 1, NOW),
      lastTrafficAtMs: NOW - 100_000,
      ...memory,
    },
    now: NOW,
  });
}

/** Replicas that the plan adds to; null: none. */
export const more = (plan: Plan) => plan.more?.replicas ?? null;

/** Pool `p` with `ready` of as many workers granted, something running, and the rest as told. */
export function busy(ready: number, seen: Parameters<typeof observation>[0] = {}): PoolObservation {
  const grant = { generation: 1, prefill: 0, decode: ready, shortage: 'none' as const };
  return observation({ ready, running: 5, kvUsage: 0.2, arrivals: 1, grant, ...seen });
}

/** Arrivals of 40 seconds, rising evenly from none to `to` requests/s. */
export function ramp(to: number): number[] {
  return Array.from({ length: 40 }, (_, second) => (second * to) / 39);
}

export function heartbeat(beat: Partial<Heartbeat> = {}): Heartbeat {
  return {
    workerId: 'w',
    pool: 'p',
    role: 'vllm',
    state: 'ready',
    leaseId: 'lease-w',
    host: 'localhost',
    pid: 1,
    gpus: ['localhost:0'],
    tp: 1,
    load: {
      maxSequences: 100,
      runningSequences: 5,
      waitingSequences: 0,
      totalKvBlocks: 1000,
      usedKvBlocks: 200,
      blockTokens: 16,
      waitingPrefillTokens: 0,
      prefixHitRate: null,
      generatedTokens: 0,
      preemptions: 0,
    },
    activeRequests: 5,
    startedAtMs: NOW - 600_000,
    readyAtMs: NOW - 590_000,
    atMs: NOW - 500,
    ...beat,
  };
}

/** Queues in which nothing waits or runs. */
export const QUIET: QueueDepth = {
  prefillWaiting: 0,
  decodeWaiting: 0,
  active: 0,
  waitingTokens: 0,
  waitingKvTokens: 0,
  lateWaiting: 0,
  lateTokens: 0,
  oldestWaitSeconds: null,
};

/** What telemetry makes of pool `p` with one ready worker of recent heartbeat; the rest as told. */
export function observe(config: Config, readings: Partial<Readings> = {}): PoolObservation {
  return buildObservation(poolOf(config), config, {
    nowMs: NOW,
    heartbeats: [JSON.stringify(heartbeat())],
    depth: { ...QUIET, active: 5 },
    writers: [{ seq: 1, sinceMs: NOW - 600_000, throughMs: NOW, atMs: NOW, arrivals: true, closed: false }],
    arrivals: new Map(),
    prompts: null,
    ended: endFigures([]),
    grant: null,
    allocatorBeatMs: NOW,
    knownColdStartSeconds: null,
    ...readings,
  });
}

/** What the allocator plans for a pool that orders so many workers, on what earlier pools left of the inventory. */
export function allocate(
  config: Config,
  name: string,
  asked: Partial<Record<'decode' | 'prefill', number>>,
  before: Ledger = emptyLedger(inventoryOf(config.inventory), budgetsOf(config.pools)),
): PoolPlan {
  const sizes = workerSizes(poolOf(config, name));
  let ids = 0;
  return planPool(
    before,
    {
      pool: name,
      tp: { vllm: sizes.vllm.tp, prefill: sizes.prefill.tp },
      desired: {
        pool: name,
        generation: 1,
        prefill: 0,
        decode: 0,
        reason: 'r',
        observationId: 'o',
        ...asked,
      },
      workers: [],
      failures: {},
    },
    config.worker.leaseSeconds * 1000,
    NOW,
    () => `${name}-${ids++}`,
  );
}

/** Runs `use` on the started engine of one decode worker of pool `p`. */
export async function withEngine<V>(config: Config, use: (engine: Engine) => V | Promise<V>): Promise<V> {
  const engine = createEngine(poolOf(config), 'vllm');
  await engine.start(new AbortController().signal);
  try {
    return await use(engine);
  } finally {
    await engine.stop();
  }
}

/** The tokens of one request, and the times at which the engine says that it made them, ms from the first. */
export async function generate(engine: Engine, isl: number, maxTokens: number) {
  const request = {
    id: 'r',
    prompt: 'word '.repeat(isl),
    isl,
    maxTokens,
    emitted: [],
    phase: 'whole' as const,
  };
  const tokens: string[] = [];
  const atMs: number[] = [];
  for await (const batch of engine.generate(request, new AbortController().signal)) {
    tokens.push(...batch.tokens);
    atMs.push(...batch.atMs);
  }
  return { tokens, spanMs: (atMs.at(-1) ?? 0) - (atMs[0] ?? 0) };
}
