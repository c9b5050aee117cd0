import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { SluiceError } from '../../src/contract/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-config-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The lines of the error that a text gives. */
function problems(text: string): string[] {
  return told(() => parseConfig(text, 'f.yaml'));
}

function told(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    if (error instanceof SluiceError) {
      expect(error.code).toBe('invalid_config');
      return error.message.split('\n');
    }
  }
  throw new Error('expected an error');
}

function fileWith(name: string, content: string | Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

describe('a wrong value', () => {
  it('is told with file, line, column, path, what was expected and what came', () => {
    expect(problems('pools:\n  high:\n    performance_buffer: 1.5\n')).toEqual([
      'f.yaml:3:5: pools.high.performance_buffer: expected a number above 0 and at most 1, got 1.5',
    ]);
  });

  it('is told together with all others, in the order of the file', () => {
    const text = [
      'namespace: "a b"',
      'pools:',
      '  high:',
      '    priority: first',
      '    scaling: { aggressiveness: fast, look_ahead: reactive }',
      '  low:',
      '    burst_protection: 1',
      'pricing: { usd_per_gpu_hour: -1 }',
    ].join('\n');
    expect(problems(text)).toEqual([
      'f.yaml:1:1: namespace: expected a name of letters, digits, "-" and "_", got "a b"',
      'f.yaml:4:5: pools.high.priority: expected a whole number from 1 to 1000, got "first"',
      'f.yaml:5:16: pools.high.scaling.aggressiveness: expected one of aggressive, balanced, conservative, got "fast"',
      'f.yaml:7:5: pools.low.burst_protection: expected true or false, got 1',
      'f.yaml:8:12: pricing.usd_per_gpu_hour: expected a number from 0 to 10000, got -1',
    ]);
  });

  it.each([
    ['ttft_target: 300', 'ttft_target: expected a number of seconds above 0 and at most 60'],
    ['Planner: { ttft: 300 }', 'Planner.ttft: expected a number of seconds above 0 and at most 60'],
    ['itl_target: 30', 'itl_target: expected a number of seconds above 0 and at most 5'],
  ])('that can only be milliseconds (%s) says that seconds are expected', (field, start) => {
    const [line] = problems(`pools:\n  high:\n    ${field}\n`);
    expect(line).toContain(`pools.high.${start}`);
    expect(line).toContain('seconds are expected, not milliseconds');
  });

  it.each([
    ['tensor_parallelism: { prefill: 0 }', 'expected auto or a whole number of GPUs from 1 to 64, got 0'],
    ['tensor_parallelism: many', 'expected auto or a whole number of GPUs from 1 to 64, got "many"'],
    ['gpu_budget: 1.5', 'expected a whole number from 1 to 4096, got 1.5'],
    ['gpu_memory_utilization: 95', 'expected a number above 0 and at most 1, got 95'],
    ['scale_up_threshold: { decode_kv: 1.1 }', 'expected a number above 0 and at most 1, got 1.1'],
    ['prefill-queue-scale-up-threshold: 2.0', 'expected a number above 0 and at most 1, got 2'],
    ['latency_percentile: 0.95', 'expected a percentile from 1 to 99.9, such as 95, got 0.95'],
    ['violations_allowed: 5', 'expected a share from 0 to 1 (0.05 is 5 %), got 5'],
    [
      'load_predictor: prophet',
      'expected one of constant, linear, arima, kalman, seasonal, combined, got "prophet"',
    ],
    ['slo-level: ""', 'expected a level name'],
    ['min_workers: -1', 'expected a whole number from 0 to 4096, got -1'],
    ['expected_isl: .nan', 'got NaN'],
    ['expected_osl: .inf', 'got Infinity'],
    ['queue_timeout_seconds: 0', 'or null for never, got 0'],
    ['scaling: fast', 'expected a mapping of fields, got "fast"'],
    ['priority: { a: 1 }', 'got a mapping'],
    ['priority: [1]', 'got a list of 1'],
    ['priority:', 'got an empty value'],
    ['engine: { kind: vllm }', 'expected one of sim, openai, noop, got "vllm"'],
    ['engine: { kind: noop, seed: 3 }', 'expected no such field for engine.kind noop'],
    ['engine: { retries: 1 }', 'expected no such field for engine.kind sim; set engine.kind: openai'],
    ['engine: { kind: openai, urls: [http://h], seed: 1 }', 'expected no such field for engine.kind openai'],
    ['engine: { kind: openai }', 'expected engine.urls or engine.command, got neither'],
    ['engine: { kind: openai, urls: [http://h], command: "e {port}" }', 'engine.command, got both'],
    ['engine: { kind: openai, urls: [h:8000] }', 'expected a list of addresses such as'],
    ['engine: { kind: openai, urls: ["http://bob:hunter2@h:1"] }', 'names the key), got "http://***@h:1"'],
    ['engine: { kind: openai, urls: [] }', 'expected a list of addresses such as'],
    ['engine: { kind: openai, command: vllm serve }', 'expected {port}: Sluice chooses'],
    ['engine: { kind: openai, command: "e {port} {gpu}" }', '{gpus}, {gpu_memory_utilization}'],
    ['engine: { kind: openai, command: "e {port} \'a" }', "expected a closing '"],
    ['engine: { kind: openai, urls: [http://h], api_key_env: "a b" }', 'environment variable, got "a b"'],
    ['no-operation: true', '`sluice scale POOL --pause`'],
    ['enable-proactive-scaling: 3', 'expected true or false, got 3'],
    ['preset: gold', 'expected one of high, medium, low, got "gold"'],
  ])('%s is refused', (field, message) => {
    expect(problems(`pools:\n  high:\n    ${field}\n`).join('\n')).toContain(message);
  });
});

describe('an unknown field', () => {
  it.each([
    ['pools: { high: { tensor_paralelism: 2 } }', 'did you mean "tensor_parallelism"?'],
    ['pools: { high: { scaling: { aggressive: 2 } } }', 'did you mean "aggressiveness"?'],
    [
      'pools: { high: { Planner: { slo-violation-treshold: 2 } } }',
      'did you mean "slo_violation_threshold"?',
    ],
    ['pool: {}', 'did you mean "pools"?'],
    ['planner: { fast_interval: 2 }', 'did you mean "fast_interval_seconds"?'],
    ['inventory: { hosts: [{ name: a, islands: [[0]], gpus: 8 }] }', 'known here: islands, name'],
  ])('%s gets the nearest known one', (text, message) => {
    expect(problems(text).join('\n')).toContain(message);
  });
});

describe('a field given under both names', () => {
  it('is fine with the same value', () => {
    const pool = parseConfig('pools: { high: { ttft_target: 0.2, Planner: { ttft: 0.2 } } }', 'f').pools.high;
    expect(pool?.targets.ttftSeconds).toBe(0.2);
  });

  it('is an error with different values', () => {
    expect(problems('pools:\n  high:\n    ttft_target: 0.2\n    Planner:\n      ttft: 0.4\n')).toEqual([
      'f.yaml:5:7: pools.high.Planner.ttft: expected the same value as under its other name (0.2 at pools.high.ttft_target), got 0.4',
    ]);
    expect(problems('pools: { high: { gpu_budget: 4, max-gpu-budget: 3 } }')[0]).toContain('other name');
    expect(
      problems('pools: { high: { enable-proactive-scaling: true, scaling: { look_ahead: reactive } } }')[0],
    ).toContain('expected false to agree with scaling.look_ahead reactive, got true');
  });

  it('is an error when two pools want different intervals of the one planner loop', () => {
    const text = 'a:\n  Planner: { adjustment-interval: 5 }\nb:\n  Planner: { adjustment-interval: 6 }\n';
    expect(problems(text)[0]).toContain('b.Planner.adjustment-interval: expected the same value');
  });
});

describe('fields that do not fit together', () => {
  it.each([
    [
      'pools: { high: { gpu_budget: { guaranteed: 5, ceiling: 4 } } }',
      'expected at most the ceiling of 4, got 5',
    ],
    ['pools: { high: { gpu_budget: 9 } }', 'expected at most the 8 GPUs of the inventory, got 9'],
    [
      'pools: { high: { gpu_budget: 6 }, medium: }',
      'expected guaranteed GPU budgets of at most the 8 GPUs of the inventory together, got 9 (high 6, medium 3)',
    ],
    [
      'inventory: { hosts: [{ name: a, islands: [[0, 1], [2, 3]] }] }\npools: { high: { tensor_parallelism: 4 } }',
      'expected at most the 2 GPUs of the largest island',
    ],
    ['pools: { low: { tensor_parallelism: 2 } }', "expected at most the pool's GPU budget of 1, got 2"],
    [
      'pools: { low: { overload: { policy: relegate } } }',
      'expected late, refuse or edf, got relegate: no pool of model llama-3.1-8b has a lower priority than low',
    ],
    ['pools: { high: { min_workers: 3 } }', 'expected at most max_workers of 2, got 3'],
    ['pools: { high: { min_workers: 3, max_workers: 3 } }', 'expected a floor within the GPU budget of 4'],
    [
      'pools: { high: { disaggregation: { enabled: true, prefill_workers: 2 } } }',
      'room for 1 decode workers',
    ],
    ['pools: { high: { disaggregation: { enabled: maybe } } }', 'expected true, false or auto'],
    [
      'pools: { a: { level: high }, b: { level: high } }',
      'expected one pool for model llama-3.1-8b and level high',
    ],
    [
      'default_level: gold',
      'default_level: expected a level that a pool serves (high, medium, low), got "gold"',
    ],
    ['pools: { high: , low: }', 'got nothing, and no pool serves medium'],
    ['inventory: { hosts: [{ name: a, islands: [[0, 0]] }] }', 'expected each GPU once, got 0 again'],
    [
      'inventory: { hosts: [{ name: a, islands: [[0]] }, { name: a, islands: [[0]] }] }',
      'expected each host once, got "a" again',
    ],
    ['planner: { fast_interval_seconds: 60 }', 'expected at most adjustment_interval_seconds of 10, got 60'],
    ['worker: { lease_seconds: 1 }', 'expected at least two heartbeats'],
    ['pools: { gpu: }', 'which the GPU ledger uses'],
    ['pools: { "a:b": }', 'expected a pool name of letters, digits, "-" and "_", got "a:b"'],
  ])('%s', (text, message) => {
    expect(problems(text).join('\n')).toContain(message);
  });
});

describe('a text that is no configuration', () => {
  it.each([
    ['', 'f.yaml: the file is empty'],
    ['# only a comment\n', 'f.yaml: the file is empty'],
    ['- 1\n- 2\n', 'f.yaml:1:1: expected a mapping with fields such as "pools", got a list of 2'],
    ['hello', 'f.yaml:1:1: expected a mapping with fields such as "pools", got "hello"'],
    ['a: b: c', 'f.yaml:1:4: not valid YAML'],
    ['namespace: a\nnamespace: b\n', 'f.yaml:2:1: not valid YAML: Map keys must be unique'],
    ['namespace: *missing', 'not valid YAML'],
    ['namespace: !strange a', 'not valid YAML: Unresolved tag'],
    ['namespace: a\n---\nnamespace: b\n', 'not valid YAML'],
    ['pools: 3', 'f.yaml:1:1: pools: expected a mapping of pools by name, got 3'],
    ['pools: {}', 'f.yaml:1:1: pools: expected at least one pool, got none'],
    [`a: ${'['.repeat(20_000)}`, 'not valid YAML'],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]`,
      'alias',
    ],
  ])('%.40s', (text, message) => {
    expect(problems(text)[0]).toContain(message);
  });

  it('is told without a stack trace', () => {
    for (const text of ['', 'a: b: c', 'pools: 3']) {
      for (const line of problems(text)) expect(line).not.toMatch(/^\s+at /);
    }
  });
});

describe('a file that cannot be read', () => {
  it('is told why', () => {
    expect(() => loadConfig(join(folder, 'missing.yaml'))).toThrow(
      expect.objectContaining({
        code: 'not_found',
        message: expect.stringContaining('there is no such file'),
      }),
    );
    mkdirSync(join(folder, 'dir'));
    expect(told(() => loadConfig(join(folder, 'dir')))[0]).toContain('expected a YAML file, got a directory');
    const latin = fileWith('latin.yaml', Buffer.from([0x61, 0x3a, 0x20, 0xe9, 0x0a]));
    expect(told(() => loadConfig(latin))[0]).toContain('expected UTF-8 text');
    const huge = fileWith('huge.yaml', `# ${'x'.repeat(1_100_000)}\n`);
    expect(told(() => loadConfig(huge))[0]).toContain('at most 1048576 bytes');
    expect(told(() => loadConfig(fileWith('nul.yaml', '\0\0\0'))).length).toBeGreaterThan(0);
    expect(told(() => loadConfig('bad\0path'))[0]).toContain('cannot read this file');
    expect(told(() => loadConfig('/dev/null'))[0]).toContain('got a device');
  });
});
