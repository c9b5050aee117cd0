import { redactedFields } from '../../contract/redact.js';

/** Fields of a plain job that tell how it is to be served. Whatever else a client put there may be content. */
const TELLING = new Set([
  'id',
  'max_tokens',
  'model',
  'slo_level',
  'service_tier',
  'deadline_ms',
  'slo',
  'prompt',
]);

/** Data of a job on the public queue as it may be shown: what a client sent is not known to be of any shape. */
export function submissionShown(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return typeof data === 'string' ? '[redacted]' : data;
  const known = Object.fromEntries(Object.entries(data).filter(([name]) => TELLING.has(name)));
  const others = Object.keys(data).length - Object.keys(known).length;
  return { ...redactedFields(known), ...(others > 0 ? { '...': `[redacted: ${others} other fields]` } : {}) };
}
