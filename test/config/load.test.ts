import { describe, expect, it } from 'vitest';
import { DYNAMO_KEYS } from '../../src/config/dynamo.js';
import { checkConfig, defaultConfig, parseConfig } from '../../src/config/load.js';
import { renderConfig } from '../../src/config/show.js';
import { policyOf } from '../../src/planning/policy.js';

const load = (text: string) => parseConfig(text, '/etc/sluice/f.yaml');

describe('the presets', () => {
  it('are the tier table of the design', () => {
    const { high, medium, low } = defaultConfig().pools;
    expect(
      [high, medium, low].map((pool) => [
        pool?.priority,
        pool?.tensorParallelism,
        pool?.gpuBudget.ceiling,
        pool?.maxWorkers,
        pool?.gpuMemoryUtilization,
        pool?.scaleUpThreshold,
        pool?.scaling,
        pool?.burstProtection,
        pool?.costOptimization,
        pool?.performanceBuffer,
        pool?.latencyPercentile,
        pool?.violationsAllowed,
        pool?.loadPredictor,
        pool?.targets,
        pool?.expected,
      ]),
    ).toEqual([
      [
        1,
        { prefill: 2, decode: 2 },
        4,
        2,
        0.95,
        { prefillQueue: 0.5, decodeKv: 0.5 },
        { aggressiveness: 'aggressive', lookAhead: 'proactive' },
        true,
        false,
        0.8,
        95,
        0.05,
        'arima',
        { ttftSeconds: 0.3, itlSeconds: 0.03 },
        { isl: 2000, osl: 150 },
      ],
      [
        2,
        { prefill: 1, decode: 1 },
        3,
        3,
        0.9,
        { prefillQueue: 0.7, decodeKv: 0.7 },
        { aggressiveness: 'balanced', lookAhead: 'moderate' },
        false,
        false,
        0.85,
        90,
        0.1,
        'arima',
        { ttftSeconds: 1, itlSeconds: 0.06 },
        { isl: 2000, osl: 150 },
      ],
      [
        3,
        { prefill: 1, decode: 1 },
        1,
        1,
        0.85,
        { prefillQueue: 0.9, decodeKv: 0.9 },
        { aggressiveness: 'conservative', lookAhead: 'reactive' },
        false,
        true,
        0.95,
        80,
        0.2,
        'constant',
        { ttftSeconds: 5, itlSeconds: 0.2 },
        { isl: 2000, osl: 150 },
      ],
    ]);
  });

  it('are what a file without pools has, and what an empty pool has', () => {
    expect(load('namespace: sluice')).toEqual({ ...defaultConfig(), source: '/etc/sluice/f.yaml' });
    expect(load('pools: { high: , medium: , low: }')).toEqual({
      ...defaultConfig(),
      source: '/etc/sluice/f.yaml',
    });
  });

  it('are a fresh object each time', () => {
    const first = defaultConfig();
    first.pools.high!.targets.ttftSeconds = 9;
    expect(defaultConfig().pools.high!.targets.ttftSeconds).toBe(0.3);
    expect(load('pools: { high: }').pools.high!.engine).not.toBe(load('pools: { high: }').pools.high!.engine);
  });
});

describe('a pool', () => {
  it('starts from the preset of its level, whatever its name', () => {
    const { chat } = load('pools: { chat: { level: high, model: m } }').pools;
    expect(chat).toEqual({ ...defaultConfig().pools.high, name: 'chat', model: 'm' });
  });

  it('of another level starts from the named preset, else from medium', () => {
    const { gold, silver } = load('default_level: gold\npools: { gold: { preset: high }, silver: }').pools;
    expect(gold).toEqual({ ...defaultConfig().pools.high, name: 'gold', level: 'gold' });
    expect(silver).toEqual({ ...defaultConfig().pools.medium, name: 'silver', level: 'silver' });
  });

  it('takes one number for both roles and both parts of the budget', () => {
    const { high } = load('pools: { high: { tensor_parallelism: 4, gpu_budget: 8 } }').pools;
    expect(high?.tensorParallelism).toEqual({ prefill: 4, decode: 4 });
    expect(high?.gpuBudget).toEqual({ guaranteed: 8, ceiling: 8 });
    expect(load('pools: { high: { tensor_parallelism: auto } }').pools.high?.tensorParallelism).toEqual({
      prefill: 'auto',
      decode: 'auto',
    });
  });

  it('may hold as many workers as its budget when it does not say', () => {
    const workers = (fields: string) => load(`pools: { high: { ${fields} } }`).pools.high?.maxWorkers;
    expect(workers('gpu_budget: 8')).toBe(4); // 8 / TP 2
    expect(workers('tensor_parallelism: 1')).toBe(4); // 4 / TP 1
    expect(workers('gpu_budget: 8, max_workers: 3')).toBe(3);
  });

  it('may borrow beyond its guaranteed part', () => {
    const { low } = load('pools: { low: { gpu_budget: { guaranteed: 1, ceiling: 4 } } }').pools;
    expect(low).toMatchObject({ gpuBudget: { guaranteed: 1, ceiling: 4 }, maxWorkers: 4 });
  });

  it('finds a profile file beside the configuration file', () => {
    const profile = (name: string) =>
      load(`pools: { high: { engine: { profile: ${name} } } }`).pools.high?.engine;
    expect(profile('./mine.json')).toMatchObject({ profile: '/etc/sluice/mine.json' });
    expect(profile('/opt/p.json')).toMatchObject({ profile: '/opt/p.json' });
    expect(profile('built-in')).toMatchObject({ profile: 'built-in' });
    expect(profile('raw_data.npz')).toMatchObject({ profile: '/etc/sluice/raw_data.npz' });
    const generated = 'generate:llama-3.1-8b/h100/fp8';
    expect(profile(generated)).toMatchObject({ profile: generated });
  });

  it('can share values by anchors and merge keys', () => {
    const { high, medium } = load(
      'pools:\n  high: &shared\n    expected_isl: 500\n  medium:\n    <<: *shared\n    expected_osl: 9\n',
    ).pools;
    expect(high?.expected).toEqual({ isl: 500, osl: 150 });
    expect(medium?.expected).toEqual({ isl: 500, osl: 9 });
  });

  it('can have an engine that answers at once', () => {
    expect(load('pools: { high: { engine: { kind: noop } } }').pools.high?.engine).toEqual({ kind: 'noop' });
  });
});

describe("Dynamo's layout", () => {
  it('gives one pool for each top-level section with a Planner inside', () => {
    const text = [
      'Common: { model: x }',
      'HighSLO:',
      '  Planner: { slo-level: HIGH, ttft: 0.2 }',
      '  VllmWorker: { tensor-parallel-size: 2 }',
      'Other:',
      '  Planner: { slo_level: medium, environment: local }',
    ].join('\n');
    const { config, notes } = checkConfig(text, 'f.yaml');
    expect(config.pools).toEqual({
      HighSLO: {
        ...defaultConfig().pools.high,
        name: 'HighSLO',
        targets: { ttftSeconds: 0.2, itlSeconds: 0.03 },
      },
      Other: { ...defaultConfig().pools.medium, name: 'Other' },
    });
    expect(notes).toEqual([
      'f.yaml:1:1: Common: ignored: only the Planner sections count',
      'f.yaml:4:3: HighSLO.VllmWorker: ignored: only the Planner section counts',
      'f.yaml:6:33: Other.Planner.environment: ignored: Sluice starts workers through its own allocator',
    ]);
  });

  it('gives one pool, named by its level, for one top-level Planner', () => {
    const config = load('Frontend: {}\nPlanner: { slo-level: LOW, itl: 0.1 }');
    expect(Object.keys(config.pools)).toEqual(['low']);
    expect(config).toMatchObject({ defaultLevel: 'low', pools: { low: { targets: { itlSeconds: 0.1 } } } });
  });

  it('sets the loops of the planner', () => {
    const config = load('a:\n  Planner: { adjustment-interval: 20, metric-pulling-interval: 2 }');
    expect(config.planner).toMatchObject({ adjustmentIntervalSeconds: 20, fastIntervalSeconds: 2 });
  });

  it.each([
    ['high', 'true', 'proactive'],
    ['medium', 'true', 'moderate'],
    ['low', 'true', 'proactive'],
    ['high', 'false', 'reactive'],
  ])('%s with enable_proactive_scaling %s looks ahead: %s', (level, value, lookAhead) => {
    const config = load(`pools: { ${level}: { enable_proactive_scaling: ${value} } }`);
    expect(config.pools[level]?.scaling.lookAhead).toBe(lookAhead);
  });
});

describe("each of Dynamo's keys", () => {
  /** Dynamo's key, its value, and the same under Sluice's name; every value differs from the preset. */
  const cases: [string, string, string][] = [
    ['slo_level', 'HIGH', 'level: high'],
    ['slo_priority', '7', 'priority: 7'],
    ['slo_description', 'x', 'description: x'],
    ['served_model_name', 'm', 'model: m'],
    ['ttft', '0.7', 'ttft_target: 0.7'],
    ['itl', '0.07', 'itl_target: 0.07'],
    ['isl', '77', 'expected_isl: 77'],
    ['osl', '78', 'expected_osl: 78'],
    ['decode_engine_num_gpu', '2', 'tensor_parallelism: { decode: 2 }'],
    ['prefill_engine_num_gpu', '2', 'tensor_parallelism: { prefill: 2 }'],
    ['tensor_parallel_size_decode', '2', 'tensor_parallelism: { decode: 2 }'],
    ['tensor_parallel_size_prefill', '2', 'tensor_parallelism: { prefill: 2 }'],
    ['max_gpu_budget', '2', 'gpu_budget: 2'],
    ['min_endpoint', '2', 'min_workers: 2'],
    ['prefill_queue_scale_up_threshold', '0.3', 'scale_up_threshold: { prefill_queue: 0.3 }'],
    ['decode_kv_scale_up_threshold', '0.3', 'scale_up_threshold: { decode_kv: 0.3 }'],
    ['scale_up_aggressiveness', 'HIGH', 'scaling: { aggressiveness: aggressive }'],
    ['scaling_aggressiveness', 'low', 'scaling: { aggressiveness: conservative }'],
    ['enable_burst_protection', 'true', 'burst_protection: true'],
    ['cost_optimization_mode', 'true', 'cost_optimization: true'],
    ['enable_cost_optimization', 'true', 'cost_optimization: true'],
    ['performance_buffer_ratio', '0.5', 'performance_buffer: 0.5'],
    ['slo_violation_threshold', '0.3', 'violations_allowed: 0.3'],
    ['load_predictor', 'CONSTANT', 'load_predictor: constant'],
    ['latency_percentile', '99', 'latency_percentile: 99'],
    ['gpu_memory_utilization', '0.5', 'gpu_memory_utilization: 0.5'],
  ];

  it('is covered', () => {
    expect(cases.map(([key]) => key).sort()).toEqual([...DYNAMO_KEYS.keys()].sort());
  });

  it.each(cases)('%s: %s is %s', (key, value, ours) => {
    const dashed = key.replaceAll('_', '-');
    const [none, expected, inPlanner, inPool] = [
      'preset: medium',
      `preset: medium, ${ours}`,
      `preset: medium, Planner: { ${dashed}: ${value} }`,
      `preset: medium, ${key}: ${value}`,
    ].map((fields) => load(`pools: { gold: { ${fields} } }`).pools.gold);
    expect(inPlanner).toEqual(expected);
    expect(inPool).toEqual(expected);
    expect(expected).not.toEqual(none);
  });
});

describe('the form of a pool', () => {
  const pool = (fields: string) => checkConfig(`pools: { high: { ${fields} } }`, 'f.yaml');

  it('may be chosen by the planner, which then holds no prefill workers of its own accord', () => {
    const { config, notes } = pool('disaggregation: { enabled: auto }');
    expect([config.pools.high?.disaggregation.enabled, notes]).toEqual(['auto', []]);
    const high = config.pools.high!;
    const policy = policyOf(config, high, { prefill: 2, decode: 2 });
    expect(policy).toMatchObject({ form: 'auto', disaggregated: false, minPrefill: 0 });
    expect(parseConfig(renderConfig(config), 'f.yaml').pools.high).toEqual(high);
  });

  it('tells where a prefill worker beside a decode worker never fits', () => {
    const { notes } = pool('gpu_budget: 2, max_workers: 1, disaggregation: { enabled: auto }');
    expect(notes.join()).toMatch(/does not fit 2 GPUs and 1 workers: auto stays aggregated/);
  });
});

describe('notes', () => {
  it('name what is allowed but limits nothing', () => {
    const { notes } = checkConfig('pools: { high: { max_workers: 9 } }', 'f.yaml');
    expect(notes).toEqual([
      'f.yaml:1:18: pools.high.max_workers: 9 workers of TP 2 do not fit the budget of 4 GPUs: the budget decides',
    ]);
  });

  it('name a floor that others may borrow away', () => {
    const text = 'pools: { medium: { min_workers: 2, gpu_budget: { guaranteed: 1, ceiling: 3 } } }';
    expect(checkConfig(text, 'f.yaml').notes[0]).toContain('above the guaranteed 1');
  });
});
