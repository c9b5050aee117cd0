import { expect, test } from 'vitest';
import { defaultConfig } from '../../src/config/load.js';
import { presetPool } from '../../src/config/presets.js';
import type { PoolConfig } from '../../src/config/types.js';
import type { PoolObservation } from '../../src/contract/observation.js';
import { workerSizes } from '../../src/gpu/worker-size.js';
import { decide } from '../../src/planning/decide.js';
import { freshMemory } from '../../src/planning/memory.js';
import { policyOf } from '../../src/planning/policy.js';
import { loadProfile } from '../../src/profile/load.js';
import { capacityFacts } from '../../src/scheduler/planner-loop/facts.js';
import { sloBlock } from '../../src/scheduler/planner-loop/slo-block.js';
import { observation, T } from './support.js';

const profile = loadProfile('llama-3.1-8b-fp8-h100');

/** The medium preset with `change`, holding `decode` workers that were ordered long ago. */
function plan(change: (pool: PoolConfig) => void, decode: number, seen: PoolObservation) {
  const config = defaultConfig();
  const pool = presetPool('medium', 'p', 'medium');
  change(pool);
  const sizes = workerSizes(pool);
  const tp = { prefill: sizes.prefill.tp, decode: sizes.vllm.tp };
  const policy = policyOf(config, pool, tp);
  const facts = capacityFacts(pool, tp, profile, seen.load);
  const memory = { ...freshMemory({ prefill: 0, decode }, 1, T), lastTrafficAtMs: T - 100_000 };
  return { ...decide({ observation: seen, policy, facts, memory, now: T }), facts, sizes };
}

const grant = (decode: number) => ({ generation: 1, prefill: 0, decode, shortage: 'none' as const });
const busy = (rps: number, ready: number, more: Partial<Parameters<typeof observation>[0]> = {}) =>
  observation({ ready, arrivals: rps, running: 5, kvUsage: 0.2, grant: grant(ready), ...more });

/** One observation and what of its plan is looked at. */
interface Flip {
  field: string;
  decode?: number;
  seen: PoolObservation;
  /** Put on both sides, so that the field is what decides. */
  given?: (pool: PoolConfig) => void;
  flip: (pool: PoolConfig) => void;
  look: (result: ReturnType<typeof plan>) => unknown;
}

const aggressive = (pool: PoolConfig) => {
  pool.scaling.aggressiveness = 'aggressive';
};
const ramp = Array.from({ length: 40 }, (_, t) => (t * 18) / 40);
const burst = [...Array(37).fill(2), 40, 40, 40];
const more = ({ more }: ReturnType<typeof plan>) => more?.replicas ?? null;

const FLIPS: Flip[] = [
  {
    field: 'tensorParallelism',
    seen: busy(60, 1),
    given: aggressive,
    flip: (p) => {
      p.tensorParallelism = { prefill: 2, decode: 2 };
    },
    look: more,
  },
  {
    field: 'gpuBudget',
    seen: busy(60, 1),
    given: aggressive,
    flip: (p) => {
      p.gpuBudget = { guaranteed: 2, ceiling: 2 };
    },
    look: more,
  },
  {
    field: 'maxWorkers',
    seen: busy(60, 1),
    given: aggressive,
    flip: (p) => {
      p.maxWorkers = 2;
    },
    look: more,
  },
  {
    field: 'minWorkers',
    decode: 0,
    seen: observation(),
    flip: (p) => {
      p.minWorkers = 2;
    },
    look: more,
  },
  {
    field: 'gpuMemoryUtilization',
    seen: busy(1, 1),
    flip: (p) => {
      p.gpuMemoryUtilization = 0.2;
    },
    look: ({ facts }) => facts.rps.decode,
  },
  {
    field: 'scaleUpThreshold.prefillQueue',
    seen: busy(1, 1, { waiting: 9, waitingTokens: 36_000 }),
    given: aggressive,
    flip: (p) => {
      p.scaleUpThreshold.prefillQueue = 0.99;
    },
    look: more,
  },
  {
    field: 'scaleUpThreshold.decodeKv',
    seen: busy(1, 1, { kvUsage: 0.8 }),
    given: aggressive,
    flip: (p) => {
      p.scaleUpThreshold.decodeKv = 0.9;
    },
    look: more,
  },
  { field: 'scaling.aggressiveness', seen: busy(1, 1, { kvUsage: 0.8 }), flip: aggressive, look: more },
  {
    field: 'scaling.lookAhead',
    seen: busy(0, 1, { arrivals: ramp }),
    given: (p) => {
      aggressive(p);
      p.loadPredictor = 'linear';
    },
    flip: (p) => {
      p.scaling.lookAhead = 'reactive';
    },
    look: more,
  },
  {
    field: 'loadPredictor',
    seen: busy(0, 1, { arrivals: ramp }),
    given: (p) => {
      aggressive(p);
      p.loadPredictor = 'linear';
    },
    flip: (p) => {
      p.loadPredictor = 'constant';
    },
    look: more,
  },
  {
    field: 'burstProtection',
    seen: busy(0, 1, { arrivals: burst }),
    flip: (p) => {
      p.burstProtection = true;
    },
    look: ({ spike, surge }) => [spike.is, surge?.replicas],
  },
  {
    field: 'costOptimization',
    decode: 2,
    seen: busy(1, 2),
    flip: (p) => {
      p.costOptimization = true;
    },
    look: ({ fewer }) => fewer?.replicas ?? null,
  },
  {
    field: 'performanceBuffer',
    seen: busy(17, 1),
    given: aggressive,
    flip: (p) => {
      p.performanceBuffer = 0.5;
    },
    look: more,
  },
  {
    field: 'latencyPercentile',
    // Enough for p90, too few to tell a p99.
    seen: busy(1, 1, { latency: { requests: 50, ttftSeconds: 2 } }),
    given: aggressive,
    flip: (p) => {
      p.latencyPercentile = 99;
    },
    look: more,
  },
  {
    field: 'violationsAllowed',
    seen: busy(1, 1, { latency: { requests: 50, ttftSeconds: 0.1, itlSeconds: 0.01, violationShare: 0.15 } }),
    given: aggressive,
    flip: (p) => {
      p.violationsAllowed = 0.2;
    },
    look: more,
  },
  {
    field: 'targets.ttftSeconds',
    seen: busy(1, 1, { waiting: 9, waitingTokens: 36_000 }),
    given: aggressive,
    flip: (p) => {
      p.targets.ttftSeconds = 10;
    },
    look: more,
  },
  {
    field: 'targets.itlSeconds',
    seen: busy(1, 1),
    flip: (p) => {
      p.targets.itlSeconds = 0.012;
    },
    look: ({ facts }) => facts.rps.decode,
  },
  {
    field: 'expected.isl',
    seen: busy(10, 1),
    given: aggressive,
    flip: (p) => {
      p.expected.isl = 6000;
    },
    look: more,
  },
  {
    field: 'expected.osl',
    seen: busy(1, 1),
    flip: (p) => {
      p.expected.osl = 1000;
    },
    look: ({ facts }) => facts.rps.decode,
  },
  {
    field: 'idleAfterSeconds',
    seen: observation({ ready: 1, grant: grant(1) }),
    flip: (p) => {
      p.idleAfterSeconds = 60;
    },
    look: ({ idle }) => idle.is,
  },
];

test.each(FLIPS)('$field changes the plan', ({ decode = 1, seen, given, flip, look }) => {
  const before = plan((pool) => given?.(pool), decode, seen);
  const after = plan(
    (pool) => {
      given?.(pool);
      flip(pool);
    },
    decode,
    seen,
  );
  expect(look(after)).not.toEqual(look(before));
});

test('the start-up block tells each field of the tier table', () => {
  const told = (change: (pool: PoolConfig) => void) => {
    const pool = presetPool('medium', 'p', 'medium');
    change(pool);
    const { fields, lines } = sloBlock(pool, workerSizes(pool));
    return { json: JSON.stringify(fields), text: lines.join('\n') };
  };
  const plain = told(() => {});
  const flips: ((pool: PoolConfig) => void)[] = [
    (p) => (p.level = 'gold'),
    (p) => (p.priority = 7),
    (p) => (p.description = 'another service'),
    (p) => (p.targets.ttftSeconds = 9),
    (p) => (p.targets.itlSeconds = 9),
    (p) => (p.expected.isl = 9),
    (p) => (p.expected.osl = 9),
    (p) => (p.tensorParallelism.decode = 2),
    (p) => (p.gpuBudget.ceiling = 9),
    (p) => (p.maxWorkers = 9),
    (p) => (p.gpuMemoryUtilization = 0.5),
    (p) => (p.scaling.aggressiveness = 'aggressive'),
    (p) => (p.scaling.lookAhead = 'reactive'),
    (p) => (p.scaleUpThreshold.prefillQueue = 0.1),
    (p) => (p.scaleUpThreshold.decodeKv = 0.1),
    (p) => (p.burstProtection = true),
    (p) => (p.costOptimization = true),
    (p) => (p.performanceBuffer = 0.5),
    (p) => (p.latencyPercentile = 50),
    (p) => (p.violationsAllowed = 0.5),
    (p) => (p.loadPredictor = 'linear'),
  ];
  for (const flip of flips) {
    const flipped = told((pool) => void flip(pool));
    expect(flipped.json).not.toBe(plain.json);
    expect(flipped.text).not.toBe(plain.text);
  }
});

test('an automatic tensor parallelism tells why', () => {
  const pool = presetPool('high', 'p', 'high');
  pool.tensorParallelism = { prefill: 'auto', decode: 'auto' };
  pool.engine = { ...pool.engine, kind: 'sim', profile: 'llama-3.1-8b-fp8-h100' } as PoolConfig['engine'];
  expect(sloBlock(pool, workerSizes(pool)).lines.join('\n')).toMatch(
    /TP 1: the fewest GPUs per worker that meet/,
  );
});
