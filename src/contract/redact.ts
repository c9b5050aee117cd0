/**
 * What clients ask and what models answer, under every name that it travels by: in jobs, in results, in log lines.
 * The lengths stay, since they explain load.
 */
const CONTENT = new Set([
  'prompt',
  'answer',
  'text',
  'message',
  'messages',
  'params',
  'content',
  'input',
  'tokens',
  'secret',
  'authorization',
  'body',
]);
/** Nothing that we write nests deeper. */
const MAX_DEPTH = 8;

/**
 * A value as it may be shown and logged: content, wherever it stands, is replaced by a note of its size. The one rule for
 * log lines and queue boards.
 */
export function redacted(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (depth >= MAX_DEPTH) return '[redacted: too deep]';
  if (Array.isArray(value)) return value.map((item) => redacted(item, depth + 1));
  return redactedFields(value, depth + 1);
}

/** The same of an object's fields. */
export function redactedFields(fields: object, depth = 1): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, inner]) => [
      name,
      CONTENT.has(name.toLowerCase()) ? noteOf(inner) : redacted(inner, depth),
    ]),
  );
}

function noteOf(value: unknown): unknown {
  if (value === null || value === undefined) return value;
  if (typeof value === 'string') return `[redacted: ${value.length} characters]`;
  if (Array.isArray(value)) return `[redacted: ${value.length} items]`;
  return typeof value === 'object' ? `[redacted: ${Object.keys(value).length} fields]` : value;
}
