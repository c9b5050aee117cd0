import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import { badTable, checkTable, checkUnits } from './check.js';
import { readNpy } from './npy.js';
import type { MeasuredTable } from './types.js';
import { readZip } from './zip.js';

/** One file of a profile. A profile of NVIDIA Dynamo is two: prefill and decode. */
export interface TableFile {
  /** Named in errors. */
  name: string;
  bytes: Uint8Array;
}

export interface ReadTableOptions {
  /** Which profile of an npz that holds several (Dynamo's pre-swept results), from 0. */
  row?: number;
}

/** A NaN is read as null (`parseLoose`), and refused by its place. */
const finite = z.number({
  error: ({ input }) =>
    `expected a finite number, got ${input === null ? 'NaN or null' : JSON.stringify(input)}`,
});
const column = z.array(finite);
const count = z.number().int().positive().nullish();
const metaSchema = z.object({
  model: z.string().nullish(),
  gpu: z.string().nullish(),
  gpus_per_prefill_engine: count,
  gpus_per_decode_engine: count,
  note: z.string().nullish(),
});

const ownSchema = z.object({
  meta: metaSchema.optional(),
  prefill: z.object({
    isl: column,
    ttft_ms: column,
    thpt_per_gpu: column,
    thpt_per_gpu_corrected: column.optional(),
  }),
  decode: z.object({
    kv_usage: column,
    context_length: column,
    itl_ms: column,
    thpt_per_gpu: column,
    thpt_per_gpu_corrected: column.optional(),
    max_kv_tokens: finite,
  }),
});

/** A scalar that numpy writes as an array of one. */
const scalar = z.union([z.number(), z.array(z.number()).length(1)]);
const dynamoSchema = z.object({
  prefill_isl: column,
  prefill_ttft: column,
  prefill_thpt_per_gpu: column,
  x_kv_usage: column,
  y_context_length: column,
  z_itl: column,
  z_thpt_per_gpu: column,
  max_kv_tokens: scalar,
});
const DYNAMO_KEYS = Object.keys(dynamoSchema.shape);

/** A string as it stands, or a value that JSON does not have, with what comes before it. */
const STRING_OR_BARE = /("[^"\\]*(?:\\.[^"\\]*)*")|([[,:]\s*)-?(?:NaN|Infinity)\b/g;

/** JSON as Python writes it: a bare NaN or Infinity is read as null. @throws SyntaxError for other text. */
export function parseLoose(text: string): unknown {
  return JSON.parse(
    text.replaceAll(STRING_OR_BARE, (_, string?: string, before = '') => string ?? `${before}null`),
  );
}

/** Whether a JSON value is meant as a measured profile rather than as a profile with laws. */
export function isTable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || 'tp' in value) return false;
  return ['prefill', 'decode', ...DYNAMO_KEYS].some((key) => key in value);
}

/**
 * Reads a measured profile from our JSON ({prefill, decode, meta}), from Dynamo's raw_data JSON (prefill_raw_data.json
 * and decode_raw_data.json, or one with the keys of both) or from Dynamo's npz (prefill and decode raw_data.npz).
 * Latencies are milliseconds in all three.
 * @throws SluiceError invalid_config that names the file and the place in it; invalid_request on a row of no npz.
 */
export function readTable(
  name: string,
  files: readonly TableFile[],
  options: ReadTableOptions = {},
): MeasuredTable {
  if (options.row !== undefined && !files.some(isNpz)) {
    const names = files.map((file) => file.name).join(' and ');
    throw new SluiceError(
      'invalid_request',
      `${names}: a row is of an npz that holds several profiles; leave it out`,
    );
  }
  const raw: Record<string, unknown> = {};
  for (const file of files) Object.assign(raw, contents(file, options));
  const source = files.map((file) => file.name).join(' and ');
  const isOwn = 'prefill' in raw || 'decode' in raw;
  return checkUnits(checkTable(isOwn ? fromOwn(name, source, raw) : fromDynamo(name, source, raw)));
}

function isNpz({ bytes }: TableFile): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b;
}

function contents(file: TableFile, options: ReadTableOptions): Record<string, unknown> {
  if (isNpz(file)) return npzColumns(file, options);
  let value: unknown;
  try {
    value = parseLoose(new TextDecoder().decode(file.bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badTable(file.name, '(top)', `expected JSON or an npz archive (${reason})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badTable(file.name, '(top)', 'expected a JSON object');
  }
  return { ...value };
}

/** The known arrays of an npz; others (names and versions, as text) are left alone. */
function npzColumns(file: TableFile, { row = 0 }: ReadTableOptions): Record<string, unknown> {
  const columns: Record<string, unknown> = {};
  const entries = readZip(file.bytes, file.name);
  for (const key of DYNAMO_KEYS) {
    const bytes = entries.get(`${key}.npy`);
    if (bytes === undefined) continue;
    const { shape, values } = readNpy(bytes, `${file.name}: ${key}`);
    if (shape.length > 2)
      throw badTable(file.name, key, `expected one or two dimensions, got ${shape.length}`);
    const [rows = 1, length = values.length] = shape.length === 2 ? shape : [1, values.length];
    if (row >= rows) throw badTable(file.name, key, `it holds ${rows} profiles, row ${row} is not there`);
    columns[key] = values.slice(row * length, (row + 1) * length);
  }
  return columns;
}

function fromOwn(name: string, source: string, raw: unknown): MeasuredTable {
  const parsed = ownSchema.safeParse(raw);
  if (!parsed.success) throw shapeError(source, parsed.error);
  const { prefill, decode, meta } = parsed.data;
  return {
    name,
    source,
    prefill: {
      isl: prefill.isl,
      ttftMs: prefill.ttft_ms,
      throughputPerGpu: prefill.thpt_per_gpu_corrected ?? prefill.thpt_per_gpu,
      recordedThroughputPerGpu: prefill.thpt_per_gpu,
    },
    decode: {
      kvUsage: decode.kv_usage,
      contextLength: decode.context_length,
      itlMs: decode.itl_ms,
      throughputPerGpu: decode.thpt_per_gpu_corrected ?? decode.thpt_per_gpu,
      recordedThroughputPerGpu: decode.thpt_per_gpu,
      maxKvTokens: decode.max_kv_tokens,
    },
    meta: {
      model: meta?.model ?? null,
      gpu: meta?.gpu ?? null,
      prefillGpus: meta?.gpus_per_prefill_engine ?? null,
      decodeGpus: meta?.gpus_per_decode_engine ?? null,
      note: meta?.note ?? null,
    },
  };
}

function fromDynamo(name: string, source: string, raw: unknown): MeasuredTable {
  const parsed = dynamoSchema.safeParse(raw);
  if (!parsed.success) throw shapeError(source, parsed.error);
  const data = parsed.data;
  return {
    name,
    source,
    prefill: {
      isl: data.prefill_isl,
      ttftMs: data.prefill_ttft,
      throughputPerGpu: data.prefill_thpt_per_gpu,
      recordedThroughputPerGpu: data.prefill_thpt_per_gpu,
    },
    decode: {
      kvUsage: data.x_kv_usage,
      contextLength: data.y_context_length,
      itlMs: data.z_itl,
      throughputPerGpu: data.z_thpt_per_gpu,
      recordedThroughputPerGpu: data.z_thpt_per_gpu,
      maxKvTokens: Array.isArray(data.max_kv_tokens) ? (data.max_kv_tokens[0] ?? 0) : data.max_kv_tokens,
    },
    meta: { model: null, gpu: null, prefillGpus: null, decodeGpus: null, note: null },
  };
}

function shapeError(source: string, error: z.ZodError): Error {
  const [issue] = error.issues;
  if (issue === undefined) return badTable(source, '(top)', 'not a profile');
  const place = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('');
  return badTable(source, place.replace(/^\./, '') || '(top)', issue.message);
}
