import { type Path, type Problems, pathText, show } from './problems.js';

/**
 * Values by dotted key, each with the place it came from. A key may be given more than once (under two names) only
 * with the same value.
 */
export class Assignments {
  readonly #values = new Map<string, { value: unknown; path: Path }>();

  constructor(private readonly problems: Problems) {}

  set(key: string, value: unknown, path: Path): void {
    const earlier = this.#values.get(key);
    if (earlier === undefined) this.#values.set(key, { value, path });
    else if (earlier.value !== value) {
      const also = `${show(earlier.value)} at ${pathText(earlier.path)}`;
      this.problems.add(
        path,
        `expected the same value as under its other name (${also}), got ${show(value)}`,
      );
    }
  }

  get(key: string): unknown {
    return this.#values.get(key)?.value;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Where the value of a key came from; of its nearest part that was given. */
  origin(keys: Path, fallback: Path): Path {
    for (let length = keys.length; length > 0; length--) {
      const found = this.#values.get(keys.slice(0, length).join('.'));
      if (found !== undefined) return [...found.path, ...keys.slice(length)];
    }
    return fallback;
  }

  /** The values as nested mappings, for validation. */
  nested(): Record<string, unknown> {
    const root: Record<string, unknown> = {};
    for (const [key, { value }] of this.#values) {
      const parts = key.split('.');
      const last = parts.pop() ?? key;
      let at: Record<string, unknown> | null = root;
      for (const part of parts) at = at === null ? null : inside(at, part);
      if (at !== null) at[last] = value;
    }
    return root;
  }
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The mapping under a key, made when it is not there; null when something else stands there (an error told later). */
function inside(at: Record<string, unknown>, part: string): Record<string, unknown> | null {
  const next = Object.hasOwn(at, part) ? at[part] : undefined;
  if (next !== undefined) return isMapping(next) ? next : null;
  const inner: Record<string, unknown> = {};
  at[part] = inner;
  return inner;
}
