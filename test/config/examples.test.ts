import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { listFields } from '../../src/config/fields.js';
import { fileSchema } from '../../src/config/file-schema.js';
import { checkConfig, defaultConfig, loadConfig } from '../../src/config/load.js';
import { poolSchema } from '../../src/config/pool-schema.js';
import type { PoolConfig } from '../../src/config/types.js';

const example = (name: string) =>
  fileURLToPath(new URL(`../../examples/llm/configs/${name}`, import.meta.url));
const DEMO = example('global_scheduler_demo.yaml');
const DYNAMO = example('dynamo_style.yaml');

/** Without what the demo shortens. */
function lasting(pool: PoolConfig): unknown {
  const { idleAfterSeconds: _idle, burstCalmSeconds: _calm, engine, ...rest } = pool;
  return { ...rest, engine: { ...engine, coldStartSeconds: 'demo' } };
}

function valueAt(value: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], value);
}

describe('the example configurations', () => {
  it('spell out every field of all three tiers and of every section', () => {
    const file: unknown = parse(readFileSync(DEMO, 'utf8'));
    for (const { key } of listFields(fileSchema)) expect(valueAt(file, key), key).toBeDefined();
    const fields = listFields(poolSchema).filter(({ key }) => key !== 'preset');
    for (const tier of ['high', 'medium', 'low']) {
      for (const { key } of fields) {
        expect(valueAt(file, `pools.${tier}.${key}`), `${tier}.${key}`).toBeDefined();
      }
    }
  });

  it('are the presets with short times', () => {
    const demo = loadConfig(DEMO);
    const presets = defaultConfig();
    expect(Object.keys(demo.pools)).toEqual(['high', 'medium', 'low']);
    for (const [name, pool] of Object.entries(demo.pools)) {
      expect(lasting(pool)).toEqual(lasting(presets.pools[name]!));
      expect(pool.engine).toMatchObject({ coldStartSeconds: 3 });
    }
    expect(demo.inventory).toEqual(presets.inventory);
  });

  it("give the same configuration in Sluice's names and in Dynamo's keys", () => {
    expect(loadConfig(DYNAMO)).toEqual({ ...loadConfig(DEMO), source: DYNAMO });
  });

  it('have nothing in them that is only noted', () => {
    for (const file of [DEMO, DYNAMO])
      expect(checkConfig(readFileSync(file, 'utf8'), file).notes).toEqual([]);
  });
});
