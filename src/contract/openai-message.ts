import { readToken } from './openai.js';
import { isRecord } from './reply.js';

/** Parts of a delta that name something; they come whole, and once. */
const WHOLE = new Set(['id', 'type', 'name', 'role', 'index']);

/**
 * What the details of an answer's tokens add up to: the fields of an OpenAI `message` other than `content` (tool calls
 * joined by their index), and `logprobs`. undefined: the answer is nothing but text.
 */
export function assembleMessage(tokens: readonly string[]): Record<string, unknown> | undefined {
  let message: Record<string, unknown> | undefined;
  for (const token of tokens) {
    const { delta, logprobs } = readToken(token);
    if (delta !== undefined) message = mergeRecord(message ?? {}, delta);
    if (logprobs !== undefined) message = mergeRecord(message ?? {}, { logprobs });
  }
  if (Array.isArray(message?.tool_calls)) {
    // A whole message has them in order, without the index that tells deltas apart.
    message.tool_calls = message.tool_calls.map((call: unknown) => {
      if (!isRecord(call)) return call;
      const { index: _, ...rest } = call;
      return rest;
    });
  }
  return message;
}

function mergeRecord(into: Record<string, unknown>, delta: Record<string, unknown>): Record<string, unknown> {
  const merged = { ...into };
  for (const [key, value] of Object.entries(delta)) {
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    merged[key] = WHOLE.has(key) ? (value ?? before) : merge(before, value);
  }
  return merged;
}

function merge(before: unknown, value: unknown): unknown {
  if (before === undefined || before === null) return value;
  if (value === undefined || value === null) return before;
  if (typeof before === 'string' && typeof value === 'string') return before + value;
  if (Array.isArray(before) && Array.isArray(value)) return mergeArrays(before, value);
  if (isRecord(before) && isRecord(value)) return mergeRecord(before, value);
  return value;
}

function mergeArrays(before: readonly unknown[], values: readonly unknown[]): unknown[] {
  const merged = [...before];
  for (const value of values) {
    const index = isRecord(value) ? value.index : undefined;
    const at =
      index === undefined ? -1 : merged.findIndex((other) => isRecord(other) && other.index === index);
    if (at < 0) merged.push(value);
    else merged[at] = merge(merged[at], value);
  }
  return merged;
}
