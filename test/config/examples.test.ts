import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { DYNAMO_KEYS, DYNAMO_SHARED_KEYS, PROACTIVE_KEY } from '../../src/config/dynamo.js';
import { engineSchema } from '../../src/config/engine-schema.js';
import { listFields } from '../../src/config/fields.js';
import { fileSchema } from '../../src/config/file-schema.js';
import { checkConfig, defaultConfig, loadConfig } from '../../src/config/load.js';
import { poolSchema } from '../../src/config/pool-schema.js';
import { configFields } from '../../src/config/show.js';
import { parseSource } from '../../src/config/source.js';

const example = (name: string) =>
  fileURLToPath(new URL(`../../examples/llm/configs/${name}`, import.meta.url));
const DEMO = example('global_scheduler_demo.yaml');
const DYNAMO = example('dynamo_style.yaml');
const VLLM = example('vllm.yaml');
const TIERS = ['high', 'medium', 'low'];

/** Every field of a file with the three tiers, dotted; without those that only other engines have. */
const FIELDS = [
  ...listFields(fileSchema).map(({ key }) => key),
  ...TIERS.flatMap((tier) =>
    listFields(poolSchema).flatMap(({ key }) => (key === 'preset' ? [] : [`pools.${tier}.${key}`])),
  ),
].filter((key) => valueAt(configFields(defaultConfig()), key) !== undefined);

function valueAt(value: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], value);
}

/** Fields whose line of the demo file is marked as the demo's own. */
const demoFields = (() => {
  const text = readFileSync(DEMO, 'utf8');
  const { locate } = parseSource(text, DEMO);
  const lines = text.split('\n');
  return new Set(FIELDS.filter((key) => /# .*demo/.test(lines[locate(key.split('.'))!.line - 1]!)));
})();

describe('the example configurations', () => {
  it('spell out every field of all three tiers and of every section', () => {
    const file: unknown = parse(readFileSync(DEMO, 'utf8'));
    expect(FIELDS.filter((key) => valueAt(file, key) === undefined)).toEqual([]);
  });

  it('are the presets, but for the lines marked as the demo', () => {
    const demo = configFields(loadConfig(DEMO));
    const presets = configFields(defaultConfig());
    expect(Object.keys(demo.pools)).toEqual(TIERS);
    for (const key of FIELDS) {
      if (demoFields.has(key)) continue;
      expect(valueAt(demo, key), key).toEqual(valueAt(presets, key));
    }
    for (const tier of TIERS) {
      expect(valueAt(demo, `pools.${tier}.engine.cold_start_seconds`)).toBeLessThanOrEqual(5);
    }
  });

  it("give the same pools in Sluice's names and in Dynamo's keys", () => {
    const dynamo = loadConfig(DYNAMO);
    expect(dynamo).toEqual({ ...defaultConfig(), source: DYNAMO });
    const [ours, theirs] = [configFields(loadConfig(DEMO)), configFields(dynamo)];
    for (const key of FIELDS) {
      if (!demoFields.has(key)) expect(valueAt(theirs, key), key).toEqual(valueAt(ours, key));
    }
  });

  it('set every field that Dynamo has a key for by such a key', () => {
    const file = parse(readFileSync(DYNAMO, 'utf8')) as Record<string, { Planner: Record<string, unknown> }>;
    const all = new Set([...DYNAMO_KEYS.values()].map(({ field }) => field));
    for (const tier of TIERS) {
      const keys = Object.keys(file[tier]!.Planner).map((key) => key.replaceAll('-', '_'));
      const set = new Set(keys.flatMap((key) => DYNAMO_KEYS.get(key)?.field ?? []));
      expect(set).toEqual(all);
      expect(keys).toEqual(expect.arrayContaining([PROACTIVE_KEY, ...DYNAMO_SHARED_KEYS.keys()]));
    }
  });

  it('spell out every field of an engine of kind openai', () => {
    const { pools } = parse(readFileSync(VLLM, 'utf8'), { merge: true }) as {
      pools: Record<string, { engine: object }>;
    };
    const given = new Set(Object.values(pools).flatMap(({ engine }) => Object.keys(engine)));
    const sim = ['prefix_cache', 'seed'];
    expect(Object.keys(engineSchema.shape).filter((key) => !given.has(key))).toEqual(sim);
    expect(Object.values(loadConfig(VLLM).pools).map(({ engine }) => engine.kind)).toEqual(
      Array.from({ length: 3 }, () => 'openai'),
    );
  });

  it('have nothing in them that is only noted', () => {
    for (const file of [DEMO, DYNAMO, VLLM])
      expect(checkConfig(readFileSync(file, 'utf8'), file).notes).toEqual([]);
  });
});
