import { z } from 'zod';
import { isMapping } from './assignments.js';
import { type Path, type Problems, show } from './problems.js';
import { hint } from './suggest.js';

/**
 * Validates a section of the file. Each issue becomes a problem: what was expected, what came; an unknown key gets the
 * nearest known one. `origin` tells where a path of the section stands in the file; `also` are keys at its top that
 * were taken out before. null: it has problems.
 */
export function validate<S extends z.ZodType>(
  schema: S,
  value: unknown,
  origin: (path: Path) => Path,
  problems: Problems,
  also: readonly string[] = [],
): z.output<S> | null {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const known = [...keysAt(schema, path), ...(path.length === 0 ? also : [])];
        problems.add(origin([...path, key]), `unknown field; ${hint(key, known)}`);
      }
    } else problems.add(origin(path), `expected ${issue.message}, got ${show(valueAt(value, path))}`);
  }
  return null;
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const part of path) {
    if (Array.isArray(at) && typeof part === 'number') at = at[part];
    else if (isMapping(at) && Object.hasOwn(at, part)) at = at[part];
    else return undefined;
  }
  return at;
}

/** The keys that a schema knows at a path. */
function keysAt(schema: unknown, path: Path): string[] {
  let at: unknown = schema;
  for (const part of path) {
    if (at instanceof z.ZodObject && typeof part === 'string') at = at.shape[part];
    else if (at instanceof z.ZodArray) at = at.element;
    if (at instanceof z.ZodOptional) at = at.unwrap();
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}
