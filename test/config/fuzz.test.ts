import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { DYNAMO_KEYS } from '../../src/config/dynamo.js';
import { listFields } from '../../src/config/fields.js';
import { fileSchema } from '../../src/config/file-schema.js';
import { defaultConfig, parseConfig } from '../../src/config/load.js';
import { poolSchema } from '../../src/config/pool-schema.js';
import { configFields } from '../../src/config/show.js';
import { SluiceError } from '../../src/contract/errors.js';

/** A configuration, or an error for the user; nothing else comes out. */
function parsesOrTells(text: string): void {
  try {
    const config = parseConfig(text, 'f.yaml');
    expect(Object.keys(config.pools).length).toBeGreaterThan(0);
  } catch (error) {
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: 'invalid_config' });
    if (error instanceof SluiceError) {
      for (const line of error.message.split('\n')) expect(line).toMatch(/^f\.yaml(:\d+:\d+)?: ./);
    }
  }
}

const keys = [
  ...listFields(poolSchema).map(({ key }) => key),
  ...listFields(fileSchema).map(({ key }) => key),
  ...DYNAMO_KEYS.keys(),
  'pools',
  'Planner',
  'planner',
  'enable_proactive_scaling',
  'adjustment_interval',
  'VllmWorker',
  '__proto__',
  'constructor',
  'toString',
].flatMap((key) => [key, key.split('.')[0] ?? key, key.replaceAll('_', '-')]);

const value = fc.letrec((tie) => ({
  leaf: fc.oneof(
    fc.integer({ min: -2, max: 10 }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.constantFrom('auto', 'high', 'HIGH', 'sim', 'noop', 'aggressive', 'reactive', ''),
    fc.string(),
  ),
  map: fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), tie('any'), { maxKeys: 5 }),
  list: fc.array(tie('any'), { maxLength: 3 }),
  any: fc.oneof({ depthSize: 'small' }, tie('leaf'), tie('map'), tie('list')),
})).any;

describe('parseConfig gives a Config or a SluiceError', () => {
  it('for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), parsesOrTells), { numRuns: 300 });
  });

  it('for a valid file with a piece cut out or put in', () => {
    const valid = stringify(configFields(defaultConfig()));
    const place = fc.nat({ max: valid.length });
    fc.assert(
      fc.property(place, fc.nat({ max: 40 }), fc.string({ maxLength: 10 }), (at, cut, put) => {
        parsesOrTells(valid.slice(0, at) + put + valid.slice(at + cut));
      }),
      { numRuns: 200 },
    );
  });

  it('for any value in place of any field', () => {
    const target = fc.constantFrom(...listFields(poolSchema), ...listFields(fileSchema));
    fc.assert(
      fc.property(target, fc.constantFrom('pools.high', ''), value, ({ key }, base, put) => {
        const root: Record<string, unknown> = {};
        let at = root;
        const parts = `${base}.${key}`.split('.').filter((part) => part !== '');
        for (const part of parts.slice(0, -1)) at = at[part] = {} as Record<string, unknown>;
        at[parts.at(-1)!] = put;
        parsesOrTells(stringify(root));
      }),
      { numRuns: 500 },
    );
  });

  it('for any mapping of known and unknown keys', () => {
    const pools = fc.dictionary(fc.constantFrom('high', 'low', 'a', 'gpu', '__proto__'), value, {
      maxKeys: 3,
    });
    fc.assert(
      fc.property(fc.oneof(value, fc.record({ pools })), (file) => parsesOrTells(stringify(file))),
      { numRuns: 500 },
    );
  });
});
