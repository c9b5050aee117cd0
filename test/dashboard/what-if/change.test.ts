import { describe, expect, test } from 'vitest';
import { defaultConfig } from '../../../src/config/load.js';
import type { Config } from '../../../src/config/types.js';
import { askSchema } from '../../../src/dashboard/what-if/ask.js';
import { changed, simulatable } from '../../../src/dashboard/what-if/change.js';

const config = defaultConfig();

/** The presets with changes as they come over HTTP. */
function after(changes: unknown, base: Config = config) {
  const source = { kind: 'scenario', name: 'steady' };
  return changed(base, askSchema.parse({ source, changes }).changes);
}

test('without a change the configuration is the same', () => {
  expect(after({}).config).toEqual({ ...config, source: 'changes' });
});

test('a budget alone moves what is guaranteed and how many workers fit, nothing else', () => {
  const { pools } = after({ high: { gpu_budget: { ceiling: 2 } } }).config;
  expect(pools).toEqual({
    ...config.pools,
    high: { ...config.pools.high!, gpuBudget: { guaranteed: 2, ceiling: 2 }, maxWorkers: 1 },
  });
});

test('a most of workers that was set by hand stays', () => {
  const base = structuredClone(config);
  base.pools.medium!.maxWorkers = 2;
  expect(after({ medium: { gpu_budget: { ceiling: 2 } } }, base).config.pools.medium!.maxWorkers).toBe(2);
  expect(after({ medium: { gpu_budget: { ceiling: 4 } } }, base).config.pools.medium!.maxWorkers).toBe(2);
});

test('a part of a section leaves the rest of it', () => {
  const { high } = after({ high: { scaling: { look_ahead: 'reactive' } } }).config.pools;
  expect(high!.scaling).toEqual({ aggressiveness: 'aggressive', lookAhead: 'reactive' });
});

test('GPUs beyond the fleet are lent, in islands as large, and told', () => {
  // 16 + 3 + 1 are twelve more than eight: two islands of eight.
  const { config: lent, notes } = after({ high: { gpu_budget: { ceiling: 16 } } });
  const sizes = lent.inventory.hosts.flatMap(({ islands }) => islands.map((island) => island.length));
  expect(sizes).toEqual([...config.inventory.hosts[0]!.islands.map((island) => island.length), 8, 8]);
  expect(notes).toEqual(['the changed budgets need 12 GPUs more than the 8 of the fleet']);
  expect(lent.pools.high!.maxWorkers).toBe(8);
});

test('what does not fit together is refused with its field, without the lines of a file that is not there', () => {
  expect(() => after({ high: { min_workers: 5 } })).toThrow(
    /^pools\.high\.min_workers: expected at most max_workers of 2, got 5$/,
  );
});

describe('engines', () => {
  const openai = {
    ...{ kind: 'openai' as const, profile: 'llama-3.1-8b-h100', coldStartSeconds: 90, maxSequences: 64 },
    ...{ maxBatchedTokens: 4096, servedModel: null, apiKeyEnv: 'KEY', sendPriority: false, retries: 1 },
    ...{ connectTimeoutSeconds: 1, firstTokenTimeoutSeconds: 1, tokenGapTimeoutSeconds: 1 },
    ...{ startTimeoutSeconds: 1, urls: ['http://h:1'], command: null },
  };

  test('a real one is simulated by the profile that its planner sizes by, and that is told', () => {
    const base = structuredClone(config);
    base.pools.high!.engine = openai;
    const { config: simulated, notes } = simulatable(base);
    expect(simulated.pools.high!.engine).toMatchObject({
      kind: 'sim',
      coldStartSeconds: 90,
      maxSequences: 64,
    });
    expect(simulated.pools.low!.engine).toEqual(config.pools.low!.engine);
    expect(notes).toEqual(['the engine of high is simulated by its profile, llama-3.1-8b-h100']);
  });

  test('one that does nothing is refused', () => {
    const base = structuredClone(config);
    base.pools.low!.engine = { kind: 'noop' };
    expect(() => simulatable(base)).toThrow(/pool low: its engine, noop/);
  });
});

test('pools that share a level are told apart', () => {
  const base = structuredClone(config);
  Object.assign(base.pools.low!, { level: 'medium', model: 'other' });
  const levels = Object.values(simulatable(base).config.pools).map(({ level }) => level);
  expect(new Set(levels).size).toBe(3);
  expect(levels).toContain(simulatable(base).config.defaultLevel);
});
