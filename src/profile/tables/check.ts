import { SluiceError } from '../../contract/errors.js';
import { least } from './extent.js';
import type { MeasuredTable } from './types.js';

/** An `invalid_config` error that names the file and the place in it. */
export function badTable(source: string, place: string, problem: string): SluiceError {
  return new SluiceError('invalid_config', `${source}: ${place}: ${problem}`);
}

/**
 * Checks what no later step could repair: columns of equal length that are not empty, finite numbers >= 0, ISL
 * strictly rising, latencies and throughputs above 0, KV usage within 0..1.
 * @throws SluiceError invalid_config that names the file, the column and the index.
 */
export function checkTable(table: MeasuredTable): MeasuredTable {
  const { source, prefill, decode } = table;
  checkColumns(source, 'prefill', {
    isl: prefill.isl,
    ttft: prefill.ttftMs,
    thpt_per_gpu: prefill.recordedThroughputPerGpu,
    thpt_per_gpu_corrected: prefill.throughputPerGpu,
  });
  checkColumns(source, 'decode', {
    kv_usage: decode.kvUsage,
    context_length: decode.contextLength,
    itl: decode.itlMs,
    thpt_per_gpu: decode.recordedThroughputPerGpu,
    thpt_per_gpu_corrected: decode.throughputPerGpu,
  });
  prefill.isl.forEach((isl, i) => {
    const before = prefill.isl[i - 1];
    if (before !== undefined && isl <= before) {
      throw badTable(source, `prefill.isl[${i}]`, `expected more than ${before} before it, got ${isl}`);
    }
  });
  decode.kvUsage.forEach((usage, i) => {
    if (usage > 1) throw badTable(source, `decode.kv_usage[${i}]`, `expected at most 1, got ${usage}`);
  });
  if (!(Number.isFinite(decode.maxKvTokens) && decode.maxKvTokens > 0)) {
    throw badTable(source, 'decode.max_kv_tokens', `expected more than 0, got ${decode.maxKvTokens}`);
  }
  return table;
}

/**
 * Bounds that no GPU's table leaves, ms. Even a small model takes longer for a token, and for the shortest prompt, than the
 * least; half the tokens of a table take less than a second, and a GPU computes a token of a long prompt in less than the most.
 */
const LEAST_ITL = 0.2;
const MOST_ITL = 1000;
const LEAST_TTFT = 0.3;
const MOST_TTFT_PER_TOKEN = 8;
/** The step of a prompt reads all weights, as that of a token does; more GPUs for prompts make it shorter by less than this. */
const SHORTER_THAN_ITL = 20;

/**
 * Checks that latencies are milliseconds: seconds and microseconds are a thousand times off, and seen by that.
 * @throws SluiceError invalid_config that names the file and the column.
 */
export function checkUnits(table: MeasuredTable): MeasuredTable {
  const { source, prefill, decode } = table;
  const itl = decode.itlMs.toSorted((a, b) => a - b)[decode.itlMs.length >> 1] ?? 0;
  const ttft = least(prefill.ttftMs);
  const ttftPerToken = least(prefill.ttftMs.map((ms, i) => ms / (prefill.isl[i] ?? 1)));
  if (itl < LEAST_ITL) throw otherUnit(source, 'decode.itl', `half of them below ${itl}`, 'seconds');
  if (itl > MOST_ITL) throw otherUnit(source, 'decode.itl', `half of them above ${itl}`, 'microseconds');
  if (ttft < Math.max(LEAST_TTFT, least(decode.itlMs) / SHORTER_THAN_ITL))
    throw otherUnit(source, 'prefill.ttft', `${ttft} for the shortest`, 'seconds');
  if (ttftPerToken > MOST_TTFT_PER_TOKEN)
    throw otherUnit(source, 'prefill.ttft', `${ttftPerToken} or more for each token`, 'microseconds');
  return table;
}

function otherUnit(
  source: string,
  place: string,
  got: string,
  unit: 'seconds' | 'microseconds',
): SluiceError {
  const repair = unit === 'seconds' ? 'multiply' : 'divide';
  return badTable(
    source,
    place,
    `expected milliseconds, got ${got}: these look like ${unit}; ${repair} them by 1000`,
  );
}

/** Zero is a measurement only for the KV usage of an idle engine. */
const MAY_BE_ZERO = new Set(['kv_usage']);

function checkColumns(source: string, role: string, columns: Record<string, readonly number[]>): void {
  const [first] = Object.entries(columns);
  if (first === undefined) return;
  const [firstName, { length }] = first;
  if (length === 0) throw badTable(source, `${role}.${firstName}`, 'expected at least one point, got none');
  for (const [name, values] of Object.entries(columns)) {
    if (values.length !== length) {
      throw badTable(
        source,
        `${role}.${name}`,
        `expected ${length} values as in ${firstName}, got ${values.length}`,
      );
    }
    values.forEach((value, i) => {
      const place = `${role}.${name}[${i}]`;
      if (!Number.isFinite(value)) throw badTable(source, place, `expected a finite number, got ${value}`);
      if (value > 0 || (value === 0 && MAY_BE_ZERO.has(name))) return;
      const least = MAY_BE_ZERO.has(name) ? '0 or more' : 'more than 0';
      throw badTable(source, place, `expected ${least}, got ${value}`);
    });
  }
}
