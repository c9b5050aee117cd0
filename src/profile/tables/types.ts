/**
 * A measured profile: latency and throughput of one engine (one model, GPU type and tensor parallelism) at a few
 * points. Units are those of the measurements, milliseconds and tokens per second, so that no value is changed by a
 * conversion: the classic formulas compare them with thresholds.
 */
export interface MeasuredTable {
  name: string;
  /** The file or folder that it was read from, for messages. */
  source: string;
  prefill: PrefillTable;
  decode: DecodeTable;
  meta: TableMeta;
}

/** A lone prompt; columns of equal length, ISL strictly rising. */
export interface PrefillTable {
  /** Tokens. */
  isl: readonly number[];
  ttftMs: readonly number[];
  /** Prompt tokens/s and GPU, right per GPU. */
  throughputPerGpu: readonly number[];
  /** The column as it was recorded; differs where a recorder divided by the wrong number of GPUs. */
  recordedThroughputPerGpu: readonly number[];
}

/** A steady batch, in no order; columns of equal length. */
export interface DecodeTable {
  /** 0..1 of the KV cache in use. */
  kvUsage: readonly number[];
  /** Tokens of one sequence: ISL + OSL / 2. */
  contextLength: readonly number[];
  itlMs: readonly number[];
  /** Output tokens/s and GPU, right per GPU. */
  throughputPerGpu: readonly number[];
  recordedThroughputPerGpu: readonly number[];
  /** Capacity of the KV cache, tokens. */
  maxKvTokens: number;
}

/** What a file says about itself; nothing depends on it but the GPUs of an engine. */
export interface TableMeta {
  model: string | null;
  gpu: string | null;
  /** GPUs of one engine of each role; null: not said. */
  prefillGpus: number | null;
  decodeGpus: number | null;
  note: string | null;
}

/** Decode latency and throughput on a regular grid: `rows[iy][ix]`, y the context length, x the KV usage. */
export interface DecodeGrid {
  kvUsage: readonly number[];
  contextLength: readonly number[];
  itlMs: readonly (readonly number[])[];
  throughputPerGpu: readonly (readonly number[])[];
  maxKvTokens: number;
}
