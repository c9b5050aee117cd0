import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { parseConfig } from '../../src/config/load.js';
import type { Config, PoolConfig } from '../../src/config/types.js';

/** Fields of a file by key, dotted where `given`. */
type Fields = Record<string, unknown>;

const BASE: Fields = parse(readFileSync(new URL('./base.yaml', import.meta.url), 'utf8'), { merge: true });

/** What a look may use besides the configuration. */
export interface Room {
  redisUrl: string;
}

/** One field of the file and the sentence that its flip shows. */
export interface Knob {
  /** Dotted key in the file; the pool that is turned at is `p`. */
  field: string;
  says: string;
  prove(room: Room): Promise<void>;
}

interface Flip<V> {
  says: string;
  /** On both sides, so that the field is what decides. */
  given?: Fields;
  to: unknown;
  see: (config: Config, room: Room) => V | Promise<V>;
  /** What was seen with the base, and with the field flipped. */
  show: (before: V, after: V) => void;
}

/** A knob of pool `p`; `field` as in `poolSchema`. */
export function poolKnob<V>(field: string, flip: Flip<V>): Knob {
  return knob(`pools.p.${field}`, flip);
}

/** A knob of the file; `field` as in `fileSchema`. */
export function knob<V>(field: string, { says, given = {}, to, see, show }: Flip<V>): Knob {
  const prove = async (room: Room) => {
    const base = fileWith(given);
    const flipped = put(structuredClone(base), field, to);
    // A field that the base leaves out would be compared with a default that may be the same.
    expect(at(base, field), `${field} stands in the base`).toBeDefined();
    expect(to).not.toEqual(at(base, field));
    const before = await see(configOf(base), room);
    const after = await see(configOf(flipped), room);
    show(before, after);
  };
  return { field, says, prove };
}

export function poolOf(config: Config, name = 'p'): PoolConfig {
  return config.pools[name]!;
}

function fileWith(given: Fields): Fields {
  const file: Fields = structuredClone(BASE);
  for (const [key, value] of Object.entries(given)) put(file, key, value);
  return file;
}

/** Through text, as an operator writes it. */
function configOf(file: Fields): Config {
  const text = stringify(file);
  expect(parse(text)).toEqual(file);
  return parseConfig(text, 'knobs.yaml');
}

function at(file: Fields, key: string): unknown {
  return key.split('.').reduce<unknown>((inner, part) => (inner as Fields | undefined)?.[part], file);
}

function put(file: Fields, key: string, value: unknown): Fields {
  const parts = key.split('.');
  const last = parts.pop()!;
  const inner = parts.reduce<Fields>((into, part) => into[part] as Fields, file);
  inner[last] = structuredClone(value);
  return file;
}
