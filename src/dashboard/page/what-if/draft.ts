import type { OfferedPool } from '../../what-if/view.js';

/** A field of a pool that the view can change: how it is asked for, and where it stands in the file. */
interface FieldBase {
  key: Exclude<keyof OfferedPool, 'name'>;
  label: string;
  /** Path in the configuration file. */
  path: readonly string[];
}
export type Field = FieldBase &
  (
    | { kind: 'number' /** Shown as so many times the file's value. */; times: number; step: string }
    | { kind: 'choice'; options: readonly string[] }
    | { kind: 'flag' }
  );

const MS = 1000;
const PERCENT = 100;

export const FIELDS: readonly Field[] = [
  {
    key: 'gpus',
    label: 'GPU budget',
    path: ['gpu_budget', 'ceiling'],
    kind: 'number',
    times: 1,
    step: '1',
  },
  {
    key: 'min_workers',
    label: 'Floor of workers',
    path: ['min_workers'],
    kind: 'number',
    times: 1,
    step: '1',
  },
  {
    key: 'ttft_target',
    label: 'TTFT target, ms',
    path: ['ttft_target'],
    kind: 'number',
    times: MS,
    step: 'any',
  },
  {
    key: 'itl_target',
    label: 'ITL target, ms',
    path: ['itl_target'],
    kind: 'number',
    times: MS,
    step: 'any',
  },
  {
    key: 'violations_allowed',
    label: 'Misses allowed, %',
    path: ['violations_allowed'],
    kind: 'number',
    times: PERCENT,
    step: 'any',
  },
  {
    key: 'look_ahead',
    label: 'Look-ahead',
    path: ['scaling', 'look_ahead'],
    kind: 'choice',
    options: ['proactive', 'moderate', 'reactive'],
  },
  {
    key: 'aggressiveness',
    label: 'Aggressiveness',
    path: ['scaling', 'aggressiveness'],
    kind: 'choice',
    options: ['aggressive', 'balanced', 'conservative'],
  },
  {
    key: 'overload',
    label: 'In overload',
    path: ['overload', 'policy'],
    kind: 'choice',
    options: ['late', 'refuse', 'relegate', 'edf'],
  },
  { key: 'burst_protection', label: 'Burst protection', path: ['burst_protection'], kind: 'flag' },
  { key: 'cost_optimization', label: 'Cost optimisation', path: ['cost_optimization'], kind: 'flag' },
];

/** What was typed, by pool and field; a field that is not here is as configured. */
export type Draft = Readonly<Record<string, Partial<Record<Field['key'], string>>>>;

/** A field as configured, as it is shown. */
export function configuredText(pool: OfferedPool, field: Field): string {
  const value = pool[field.key];
  return typeof value === 'number' && field.kind === 'number'
    ? String(Number((value * field.times).toPrecision(9)))
    : String(value);
}

/** The draft with one field typed; what is as configured again leaves it. */
export function typed(draft: Draft, pool: OfferedPool, field: Field, text: string): Draft {
  const { [field.key]: _before, ...others } = draft[pool.name] ?? {};
  const same = text === configuredText(pool, field);
  return { ...draft, [pool.name]: same ? others : { ...others, [field.key]: text } };
}

export function changedCount(draft: Draft): number {
  return Object.values(draft).reduce((sum, fields) => sum + Object.keys(fields).length, 0);
}

/** Whether each number that was typed is one. */
export function isComplete(draft: Draft): boolean {
  return Object.values(draft).every((fields) =>
    FIELDS.every((field) => {
      const text = fields[field.key];
      return field.kind !== 'number' || text === undefined || isNumber(text);
    }),
  );
}

export function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}

/** The changes as the gateway reads them. */
export function changesOf(draft: Draft): Record<string, object> {
  const pools = Object.entries(draft).filter(([, fields]) => Object.keys(fields).length > 0);
  return Object.fromEntries(
    pools.map(([pool, fields]) => {
      const change: Record<string, unknown> = {};
      for (const field of FIELDS) {
        const text = fields[field.key];
        if (text === undefined) continue;
        const [first = '', second] = field.path;
        const value = fileValue(field, text);
        change[first] =
          second === undefined
            ? value
            : { ...((change[first] as object | undefined) ?? {}), [second]: value };
      }
      return [pool, change];
    }),
  );
}

function fileValue(field: Field, text: string): unknown {
  if (field.kind === 'flag') return text === 'true';
  return field.kind === 'number' ? Number((Number(text) / field.times).toPrecision(12)) : text;
}
