import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultConfig, parseConfig } from '../../src/config/load.js';
import { renderConfig } from '../../src/config/show.js';
import type { Config, PoolConfig } from '../../src/config/types.js';

const share = fc.double({ min: 0.01, max: 1, noNaN: true });
const seconds = fc.double({ min: 0.001, max: 60, noNaN: true });

const pool = fc.record({
  description: fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text)),
  gpuMemoryUtilization: share,
  scaleUpThreshold: fc.record({ prefillQueue: share, decodeKv: share }),
  scaling: fc.record({
    aggressiveness: fc.constantFrom('aggressive' as const, 'balanced' as const, 'conservative' as const),
    lookAhead: fc.constantFrom('proactive' as const, 'moderate' as const, 'reactive' as const),
  }),
  burstProtection: fc.boolean(),
  costOptimization: fc.boolean(),
  violationsAllowed: share,
  queueTimeoutSeconds: fc.option(seconds),
  idleAfterSeconds: seconds,
  model: fc.constantFrom('m', 'null', '1', 'true', 'a/b:c', '~', '- x'.replace(' ', '')),
  engine: fc.constantFrom<PoolConfig['engine']>(
    { kind: 'noop' },
    {
      kind: 'sim',
      profile: '/a/b c.json',
      coldStartSeconds: 0,
      maxSequences: 1,
      maxBatchedTokens: 16,
      prefixCache: false,
      seed: 0,
    },
    {
      kind: 'openai',
      profile: 'p',
      coldStartSeconds: 9,
      maxSequences: 1,
      maxBatchedTokens: 16,
      urls: null,
      command: 'e "a b" --port {port}',
      servedModel: 'other/model',
      apiKeyEnv: null,
      sendPriority: true,
      retries: 0,
      connectTimeoutSeconds: 1,
      firstTokenTimeoutSeconds: 2,
      tokenGapTimeoutSeconds: 3,
      startTimeoutSeconds: 4,
    },
    {
      kind: 'openai',
      profile: 'p',
      coldStartSeconds: 9,
      maxSequences: 1,
      maxBatchedTokens: 16,
      urls: ['http://{host}:80{gpu}', 'https://h/path'],
      command: null,
      servedModel: null,
      apiKeyEnv: 'KEY',
      sendPriority: false,
      retries: 3,
      connectTimeoutSeconds: 1,
      firstTokenTimeoutSeconds: 2,
      tokenGapTimeoutSeconds: 3,
      startTimeoutSeconds: 4,
    },
  ),
});

const reload = (config: Config) => parseConfig(renderConfig(config), '/x/shown.yaml');

describe('the shown configuration', () => {
  it('loads again to the same Config', () => {
    expect(reload(defaultConfig())).toEqual({ ...defaultConfig(), source: '/x/shown.yaml' });
  });

  it('loads again to the same Config, whatever its values', () => {
    fc.assert(
      fc.property(pool, pool, fc.integer({ min: 1, max: 8 }), (high, low, ceiling) => {
        const config = defaultConfig();
        Object.assign(config.pools.high!, high);
        Object.assign(config.pools.low!, low, { gpuBudget: { guaranteed: 1, ceiling } });
        config.source = '/y/z.yaml';
        expect(reload(config)).toEqual({ ...config, source: '/x/shown.yaml' });
      }),
      { numRuns: 100 },
    );
  });

  it('says what each field changes', () => {
    const text = renderConfig(defaultConfig());
    expect(text).toContain('# Effective configuration from the presets.');
    expect(text).toMatch(/# .*\[seconds\]\n\s+ttft_target: 0\.3/);
  });
});
