import type { OfferedPool } from '../../what-if/view.js';

/** A field of a pool that the view can change: how it is asked for, and where it stands in the file. */
interface FieldBase {
  key: Exclude<keyof OfferedPool, 'name'>;
  label: string;
  /** Path in the configuration file. */
  path: readonly string[];
}
/** The lower bound is `min`, or anything above `above`. */
interface Range {
  whole: boolean;
  min?: number;
  above?: number;
  max: number;
}
export type Field = FieldBase &
  (
    | {
        kind: 'number';
        /** Shown as so many times the file's value. */
        times: number;
        /** What the file takes, in its units; test/dashboard/what-if/draft.test.ts holds it to the file's schema. */
        range: Range;
      }
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
    range: { whole: true, min: 1, max: 4096 },
  },
  {
    key: 'min_workers',
    label: 'Floor of workers',
    path: ['min_workers'],
    kind: 'number',
    times: 1,
    range: { whole: true, min: 0, max: 4096 },
  },
  {
    key: 'ttft_target',
    label: 'TTFT target, ms',
    path: ['ttft_target'],
    kind: 'number',
    times: MS,
    range: { whole: false, above: 0, max: 60 },
  },
  {
    key: 'itl_target',
    label: 'ITL target, ms',
    path: ['itl_target'],
    kind: 'number',
    times: MS,
    range: { whole: false, above: 0, max: 5 },
  },
  {
    key: 'violations_allowed',
    label: 'Misses allowed, %',
    path: ['violations_allowed'],
    kind: 'number',
    times: PERCENT,
    range: { whole: false, min: 0, max: 1 },
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

/** Why what was typed cannot be simulated, in the first field that it is wrong in; null: it can. */
export function draftTrouble(draft: Draft): string | null {
  for (const [pool, fields] of Object.entries(draft)) {
    for (const field of FIELDS) {
      const text = fields[field.key];
      const trouble = text === undefined ? null : troubleOf(field, text);
      if (trouble !== null) return `${pool}, ${field.label}: ${trouble}`;
    }
  }
  return null;
}

/** What the field expects, in the unit that it is shown in, where the text is not that; null: it is. */
export function troubleOf(field: Field, text: string): string | null {
  if (field.kind !== 'number') return null;
  const { whole, min, above, max } = shownRange(field);
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const inside = (min === undefined ? value > (above ?? 0) : value >= min) && value <= max;
  if (inside && (!whole || Number.isInteger(value))) return null;
  const low = min === undefined ? `above ${above} and at most` : `from ${min} to`;
  return `expected a ${whole ? 'whole ' : ''}number ${low} ${max}`;
}

/** What a field takes, in the unit that it is shown in. */
export function shownRange({ times, range }: Extract<Field, { kind: 'number' }>): Range {
  const { whole, min, above, max } = range;
  return {
    whole,
    ...(min === undefined ? {} : { min: min * times }),
    ...(above === undefined ? {} : { above: above * times }),
    max: max * times,
  };
}

/** The gateway's words with the form's names in place of the file's. */
export function inFormTerms(message: string): string {
  return message.replace(/(?:changes|pools)\.([^.\s]+)\.([\w.]+): /g, (_all, pool: string, path: string) => {
    const field = FIELDS.find((each) => each.path.join('.') === path);
    return `${pool}, ${field?.label ?? path}: `;
  });
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
