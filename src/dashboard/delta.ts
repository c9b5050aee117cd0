/** A change of one value: its path, and what it is now; without the second, it is gone. */
export type Change = [path: (string | number)[], value?: unknown];

/**
 * What turns `before` into `after`, both plain JSON. Objects are compared key by key and arrays of equal length
 * entry by entry; an array that has changed its length is sent whole.
 */
export function changes(before: unknown, after: unknown): Change[] {
  const found: Change[] = [];
  compare(before, after, [], found);
  return found;
}

function compare(before: unknown, after: unknown, path: (string | number)[], found: Change[]): void {
  if (Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    for (let i = 0; i < after.length; i++) compare(before[i], after[i], [...path, i], found);
  } else if (isRecord(before) && isRecord(after)) {
    for (const key of Object.keys(before)) if (!Object.hasOwn(after, key)) found.push([[...path, key]]);
    for (const key of Object.keys(after)) {
      if (Object.hasOwn(before, key)) compare(before[key], after[key], [...path, key], found);
      else found.push([[...path, key], after[key]]);
    }
  } else found.push([path, after]);
}

/** Applies changes; what they do not touch is shared with `before`, which stays as it was. */
export function apply<T>(before: T, list: readonly Change[]): T {
  let value: unknown = before;
  const copied = new Set<object>();
  for (const change of list) value = applyOne(value, change, copied);
  return value as T;
}

function applyOne(root: unknown, change: Change, copied: Set<object>): unknown {
  const [path] = change;
  if (path.length === 0) return change[1];
  const top = own(root, copied);
  let at = top;
  for (const step of path.slice(0, -1)) {
    const next = own(Reflect.get(at, step), copied);
    put(at, step, next);
    at = next;
  }
  const last = path.at(-1) ?? '';
  if (change.length === 1) Reflect.deleteProperty(at, last);
  else put(at, last, change[1]);
  return top;
}

/** A copy that these changes may write to. */
function own(value: unknown, copied: Set<object>): object {
  if (typeof value === 'object' && value !== null && copied.has(value)) return value;
  const copy = Array.isArray(value) ? [...value] : { ...(isRecord(value) ? value : {}) };
  copied.add(copy);
  return copy;
}

/** Keys such as `__proto__` are data here, like any other. */
function put(target: object, key: string | number, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
