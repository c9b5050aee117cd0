import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { listFields } from '../../src/config/fields.js';
import { fileSchema } from '../../src/config/file-schema.js';
import { defaultConfig, parseConfig } from '../../src/config/load.js';
import { poolSchema } from '../../src/config/pool-schema.js';
import { configFields } from '../../src/config/show.js';

/** One of these is a valid other value for each field. */
const OTHERS = [
  2,
  1,
  0.42,
  20,
  500,
  true,
  false,
  'high',
  'linear',
  'aggressive',
  'reactive',
  'noop',
  'queue',
  'other',
  'low',
  'keys',
  'edf',
  '/other.pem',
  ['https://other.example'],
  4096,
  [{ name: 'other', islands: [[0, 1, 2, 3, 4, 5, 6, 7]] }],
  ['http://other:1'],
  'other --port {port}',
];

/** Fields of an engine that the presets do not have are given with what makes them valid. */
const OPENAI = { kind: 'openai', urls: ['http://h:1'] };

function nested(key: string, value: unknown): unknown {
  const last = key.split('.').at(-1) ?? key;
  const own = key.includes('.engine.') && valueAt(presets, key) === undefined;
  const engine = { ...OPENAI, ...(last === 'command' ? { urls: undefined } : {}), [last]: value };
  const [path, inner] = own ? [key.split('.').slice(0, -1), engine] : [key.split('.'), value];
  return path.reduceRight<unknown>((within, part) => ({ [part]: within }), inner);
}

function valueAt(value: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], value);
}

function load(file: unknown) {
  try {
    return configFields(parseConfig(stringify(file), 'f.yaml'));
  } catch {
    return null;
  }
}

const presets = configFields(defaultConfig());
const poolKeys = listFields(poolSchema).flatMap(({ key }) => (key === 'preset' ? [] : [key]));

it.each([...listFields(fileSchema).map(({ key }) => key), ...poolKeys.map((key) => `pools.medium.${key}`)])(
  '%s of the file is what the Config has',
  (key) => {
    const seen = OTHERS.some((other) => {
      const loaded = load(nested(key, other));
      if (loaded === null || other === valueAt(presets, key)) return false;
      expect(valueAt(loaded, key)).toEqual(other);
      return true;
    });
    expect(seen).toBe(true);
  },
);
