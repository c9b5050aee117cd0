import type { z } from 'zod';
import { problemOf } from '../cases.js';
import type { Profiles } from '../profiles.js';

export interface GroupContext {
  profiles: Profiles;
  /** Fields that the case expects: a group need not produce more. */
  wants: ReadonlySet<string>;
}

/** Runs the inputs of a case; the fields that it produces are compared with those expected. */
export type Group = (inputs: Record<string, unknown>, context: GroupContext) => Record<string, unknown>;

/** A group whose inputs are checked first. @throws Error that says what is wrong with them. */
export function group<T>(
  schema: z.ZodType<T>,
  run: (inputs: T, context: GroupContext) => Record<string, unknown>,
): Group {
  return (inputs, context) => {
    const parsed = schema.safeParse(inputs);
    if (!parsed.success) throw new Error(`malformed inputs: ${problemOf(parsed.error)}`);
    return run(parsed.data, context);
  };
}
