import { z } from 'zod';

/** What a person needs to know of one field; docs/config.md and `sluice config show` are made from it. */
export interface FieldInfo {
  /** Completes "expected ...". */
  expected: string;
  /** Empty where a field has no unit. */
  unit: string;
  /** What the field changes. */
  about: string;
}

/** Facts of each leaf field, by its schema. */
const fieldInfo = z.registry<FieldInfo>();

interface Range {
  min?: number;
  max?: number;
  /** Exclusive lower bound. */
  above?: number;
}

/** A finite number. Every failed check of it says the same: what is expected. */
export function number(range: Range, unit: string, about: string, expected?: string): z.ZodNumber {
  const error = expected ?? `a number ${rangeText(range)}`;
  return bounded(z.number({ error }), range, error).register(fieldInfo, { expected: error, unit, about });
}

export function integer(range: Range, unit: string, about: string, expected?: string): z.ZodNumber {
  const error = expected ?? `a whole number ${rangeText(range)}`;
  return bounded(z.number({ error }).int({ error }), range, error).register(fieldInfo, {
    expected: error,
    unit,
    about,
  });
}

export function flag(about: string): z.ZodBoolean {
  const expected = 'true or false';
  return z.boolean({ error: expected }).register(fieldInfo, { expected, unit: '', about });
}

export function text(pattern: RegExp, expected: string, about: string): z.ZodString {
  return z
    .string({ error: expected })
    .regex(pattern, { error: expected })
    .register(fieldInfo, { expected, unit: '', about });
}

export function choice<const T extends readonly [string, ...string[]]>(
  values: T,
  about: string,
): z.ZodEnum<{ [K in T[number]]: K }> {
  const expected = `one of ${values.join(', ')}`;
  return z.enum(values, { error: expected }).register(fieldInfo, { expected, unit: '', about });
}

/** Any other schema whose messages are `expected` already. */
export function described<T extends z.ZodType>(schema: T, expected: string, unit: string, about: string): T {
  fieldInfo.add(schema, { expected, unit, about });
  return schema;
}

/** A mapping with known keys, each of which may be left out. */
export function section<S extends z.core.$ZodLooseShape>(shape: S) {
  return z
    .strictObject(shape, {
      error: (issue) => (issue.code === 'invalid_type' ? 'a mapping of fields' : undefined),
    })
    .partial();
}

/** Every leaf field of a section: its dotted key and its facts. */
export function listFields(schema: z.ZodObject, prefix = ''): { key: string; info: FieldInfo }[] {
  return Object.entries(schema.shape).flatMap(([key, wrapped]) => {
    const inner: unknown = wrapped instanceof z.ZodOptional ? wrapped.unwrap() : wrapped;
    if (inner instanceof z.ZodObject) return listFields(inner, `${prefix}${key}.`);
    const info = inner instanceof z.ZodType ? fieldInfo.get(inner) : undefined;
    return info === undefined ? [] : [{ key: `${prefix}${key}`, info }];
  });
}

function bounded(schema: z.ZodNumber, range: Range, error: string): z.ZodNumber {
  let result = schema;
  if (range.min !== undefined) result = result.min(range.min, { error });
  if (range.above !== undefined) result = result.gt(range.above, { error });
  if (range.max !== undefined) result = result.max(range.max, { error });
  return result;
}

function rangeText({ min, max, above }: Range): string {
  const low = above === undefined ? `from ${min ?? 0}` : `above ${above}`;
  if (max === undefined) return above === undefined ? `of at least ${min ?? 0}` : low;
  return above === undefined ? `${low} to ${max}` : `${low} and at most ${max}`;
}
