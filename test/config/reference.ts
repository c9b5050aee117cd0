import {
  DYNAMO_IGNORED_KEYS,
  DYNAMO_KEYS,
  DYNAMO_SHARED_KEYS,
  PROACTIVE_KEY,
} from '../../src/config/dynamo.js';
import { listFields } from '../../src/config/fields.js';
import { fileSchema } from '../../src/config/file-schema.js';
import { defaultConfig, parseConfig } from '../../src/config/load.js';
import { poolSchema } from '../../src/config/pool-schema.js';
import { configFields } from '../../src/config/show.js';

/** The tables of docs/config.md, made from the schemas: by marker name, their Markdown. */
export function referenceTables(): Record<string, string> {
  return { pool: poolTable(), file: fileTable(), ignored: ignoredTable() };
}

function poolTable(): string {
  const { pools } = configFields(defaultConfig());
  const rows = listFields(poolSchema).map(({ key, info }) => {
    const defaults = ['high', 'medium', 'low'].map((tier) => {
      if (key === 'preset') return '';
      const preset = valueAt(pools[tier], key);
      return literal(preset === undefined ? valueAt(openaiPool(), key) : preset);
    });
    return [code(key), dynamoNames(key), info.expected, info.unit, ...defaults, info.about];
  });
  return table(['field', "Dynamo's key", 'value', 'unit', 'high', 'medium', 'low', 'what it changes'], rows);
}

/** Fields that only an engine of kind openai has, with their defaults; where it is has none. */
function openaiPool(): unknown {
  const { pools } = configFields(
    parseConfig('pools: { high: { engine: { kind: openai, urls: [http://h] } } }', 'f'),
  );
  const { urls: _, ...engine } = pools.high?.engine ?? {};
  return { engine };
}

function fileTable(): string {
  const fields = configFields(defaultConfig());
  const rows = listFields(fileSchema).map(({ key, info }) => {
    const shared = [...DYNAMO_SHARED_KEYS]
      .filter(([, ours]) => key === `planner.${ours}`)
      .map(([name]) => name);
    return [code(key), names(shared), info.expected, info.unit, literal(valueAt(fields, key)), info.about];
  });
  return table(['field', "Dynamo's key", 'value', 'unit', 'default', 'what it changes'], rows);
}

function ignoredTable(): string {
  return table(
    ["Dynamo's key", 'why it is not needed'],
    [...DYNAMO_IGNORED_KEYS].map(([key, why]) => [dashed(key), why]),
  );
}

function dynamoNames(field: string): string {
  const keys = [...DYNAMO_KEYS].filter(([, known]) => known.field === field).map(([name]) => name);
  if (field === 'scaling.look_ahead') keys.push(PROACTIVE_KEY);
  return names(keys);
}

function names(keys: string[]): string {
  return keys.map(dashed).join(', ');
}

function dashed(key: string): string {
  return code(key.replaceAll('_', '-'));
}

function code(text: string): string {
  return `\`${text}\``;
}

function literal(value: unknown): string {
  if (value === undefined) return '';
  return typeof value === 'string'
    ? value
    : code(JSON.stringify(value).replaceAll(',', ', ').replaceAll('"', ''));
}

function valueAt(value: unknown, key: string): unknown {
  return key
    .split('.')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], value);
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
