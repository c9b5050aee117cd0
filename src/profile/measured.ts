import { modelCosts } from './roofline/costs.js';
import { NETWORK_EFFICIENCY, RUNTIME_BYTES_PER_GPU } from './roofline/efficiency.js';
import { findHardware } from './roofline/hardware.js';
import { findModel } from './roofline/models.js';
import { badTable } from './tables/check.js';
import { lawDoubts } from './tables/doubts.js';
import { type FitOptions, fitLaw } from './tables/fit.js';
import { thinPoints } from './tables/suspects.js';
import { VLLM_SEQUENCES } from './tables/sweep.js';
import type { MeasuredTable } from './tables/types.js';
import type { Profile, StepLaw } from './types.js';

/** vLLM's default share of a GPU's memory. */
const MEASURED_UTILIZATION = 0.9;
/** Where the model is unknown: a KV cache of an 8B model, between hosts of 400 Gbit/s. */
const ANY_KV_BYTES = 131_072;
const ANY_TRANSFER = 40e9;

/**
 * The profile that measured tables give, one TP degree each: the law of `fitLaw` without decode points of more
 * sequences than vLLM runs at once. Memory is that of the model and GPU that the file names; where either is unknown,
 * a KV cache of the table's size at utilisation 0.9.
 * @throws SluiceError invalid_config where two tables are of one TP degree or of different models, or where prefill and
 * decode were measured on engines of different size.
 */
export function measuredProfile(
  tables: readonly [MeasuredTable, ...MeasuredTable[]],
  options: FitOptions = { maxBatch: VLLM_SEQUENCES },
): Profile {
  const [first] = tables;
  const tp: Record<number, StepLaw> = {};
  const notes: string[] = [];
  for (const table of tables) {
    const law = fitLaw(table, options);
    for (const doubt of [...thinPoints(table, options.maxBatch), ...lawDoubts(table, law)])
      notes.push(`${table.name}: ${doubt}`);
    const degree = degreeOf(table, law.sweep.gpus);
    if (Object.hasOwn(tp, degree)) {
      throw badTable(
        table.source,
        'meta',
        `expected another TP degree, ${degree} is that of a table before it`,
      );
    }
    if (table.meta.model !== first.meta.model || table.meta.gpu !== first.meta.gpu) {
      throw badTable(
        table.source,
        'meta',
        `expected ${nameOf(first)} as in ${first.source}, got ${nameOf(table)}`,
      );
    }
    const [b0] = law.itl;
    if (!(b0 > 0)) {
      throw badTable(
        table.source,
        'decode',
        'expected an ITL that a lone sequence takes; the fitted law has none',
      );
    }
    const [a0, a1, a2] = law.ttft;
    tp[degree] = { ttft: [Math.max(a0, b0), a1, a2], itl: law.itl };
  }
  return {
    ...(notes.length === 0 ? {} : { notes }),
    name: first.name,
    model: first.meta.model ?? 'unknown',
    gpu: first.meta.gpu ?? 'unknown',
    source: `fitted to measurements: ${tables.map(({ source }) => source).join(', ')}`,
    ...memoryOf(first, Math.min(...Object.keys(tp).map(Number))),
    tp,
  };
}

function degreeOf({ meta, source }: MeasuredTable, gpusOfThroughput: number): number {
  const { prefillGpus, decodeGpus } = meta;
  if (prefillGpus !== null && decodeGpus !== null && prefillGpus !== decodeGpus) {
    throw badTable(
      source,
      'meta',
      `expected prefill and decode of engines of one size, got ${prefillGpus} and ${decodeGpus} GPUs; ` +
        'a step law needs both of the same engine',
    );
  }
  return decodeGpus ?? prefillGpus ?? gpusOfThroughput;
}

function nameOf({ meta }: MeasuredTable): string {
  return `${meta.model ?? 'no model'} on ${meta.gpu ?? 'no GPU'}`;
}

type Memory = Pick<
  Profile,
  'kvBytesPerToken' | 'weightBytes' | 'gpuMemoryBytes' | 'overheadBytesPerGpu' | 'transferBytesPerSecond'
>;

function memoryOf({ meta, decode }: MeasuredTable, tp: number): Memory {
  const model = findModel(meta.model ?? '');
  const hardware = findHardware(meta.gpu ?? '');
  if (model === null || hardware === null) {
    return {
      kvBytesPerToken: ANY_KV_BYTES,
      weightBytes: 0,
      gpuMemoryBytes: (decode.maxKvTokens * ANY_KV_BYTES) / (MEASURED_UTILIZATION * tp),
      overheadBytesPerGpu: 0,
      transferBytesPerSecond: ANY_TRANSFER,
    };
  }
  const costs = modelCosts(model, /fp8/i.test(meta.model ?? '') ? 'fp8' : 'bf16');
  return {
    kvBytesPerToken: costs.kvBytesPerToken,
    weightBytes: costs.weightBytes,
    gpuMemoryBytes: hardware.memoryBytes,
    overheadBytesPerGpu: RUNTIME_BYTES_PER_GPU,
    transferBytesPerSecond: hardware.networkBytesPerSecond * NETWORK_EFFICIENCY,
  };
}
