import { SluiceError } from '../contract/errors.js';

/** Deeper nesting is nothing a request needs, and costs a stack elsewhere. */
const MAX_DEPTH = 64;
const BYTE_ORDER_MARK = '\ufeff';

/** Reads JSON text, behind a byte order mark too. Errors: `invalid_request`, with what is wrong. @param what it is */
export function parseText(text: string, what = 'body'): unknown {
  try {
    return JSON.parse(text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text);
  } catch (error) {
    throw invalid(what, `expected JSON, got: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/**
 * Errors: `invalid_request` on JSON that no body may hold: beyond `MAX_DEPTH` levels, with keys that would change an
 * object's prototype, or with numbers beyond a double's range, which would go on as null.
 */
export function assertSafe(value: unknown): void {
  const problem = problemOf(value, MAX_DEPTH);
  if (problem !== undefined) throw invalid(problem.field, problem.what);
}

interface Problem {
  /** Outermost key that leads to it. */
  field: string;
  what: string;
}

/** Recursion ends at the limit. */
function problemOf(value: unknown, levels: number): Problem | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return of('expected a number below 1.8e308');
  if (typeof value !== 'object' || value === null) return undefined;
  if (levels === 0) return of(`expected at most ${MAX_DEPTH} levels of nesting, got more`);
  if (changesPrototype(value))
    return of('expected no key __proto__, and no prototype within a key constructor; leave them out');
  for (const [key, inner] of Array.isArray(value) ? value.entries() : Object.entries(value)) {
    const problem = problemOf(inner, levels - 1);
    if (problem !== undefined) return { ...problem, field: String(key).slice(0, 100) };
  }
  return undefined;
}

function of(what: string): Problem {
  return { field: 'body', what };
}

function changesPrototype(value: object): boolean {
  if (Object.hasOwn(value, '__proto__')) return true;
  if (!Object.hasOwn(value, 'constructor')) return false;
  const { constructor: inner } = value as { constructor: unknown };
  return typeof inner === 'object' && inner !== null && Object.hasOwn(inner, 'prototype');
}

function invalid(field: string, what: string): SluiceError {
  return new SluiceError('invalid_request', `${field}: ${what}`);
}
