import type { ModelCosts, WeightType } from './costs.js';
import type { Hardware } from './hardware.js';
import type { ModelDimensions } from './models.js';

/** An engine to be described: a model on GPUs. */
export interface EngineDescription {
  hardware: Hardware;
  model: ModelDimensions;
  weights: WeightType;
  /** GPUs of the engine. */
  tp: number;
}

/** Seconds that each part of the work takes at the data sheet's peaks, and what fixed costs are counted by. */
export interface PeakTerms {
  /** Of a step: reading the weights that every step reads, and those of all experts. */
  weights: number;
  experts: number;
  /** Of a token: linear layers, output head, and its way through the all-reduces. */
  linear: number;
  head: number;
  wire: number;
  /** Of a token squared: prompt attention. */
  attention: number;
  /** Of a cached token: reading it. */
  kv: number;
  layers: number;
  /** All-reduces of a step. */
  allReduces: number;
}

/**
 * A TP degree divides weights, arithmetic and KV cache by the GPUs. A layer has two all-reduces; a ring sends
 * 2 (tp - 1) / tp of each over every link (Patarasuk and Yuan, 2009).
 */
export function peakTerms({ hardware, model, weights, tp }: EngineDescription, costs: ModelCosts): PeakTerms {
  const { bf16FlopsPerSecond, memoryBytesPerSecond, linkBytesPerSecond } = hardware;
  // Without FP8 arithmetic the weights are widened and multiplied in BF16.
  const linearPeak =
    weights === 'fp8' ? (hardware.fp8FlopsPerSecond ?? bf16FlopsPerSecond) : bf16FlopsPerSecond;
  return {
    weights: costs.bytesReadPerStep / tp / memoryBytesPerSecond,
    experts: costs.expertBytes / tp / memoryBytesPerSecond,
    linear: costs.linearFlopsPerToken / tp / linearPeak,
    head: costs.headFlopsPerToken / tp / bf16FlopsPerSecond,
    wire: ((2 * (tp - 1)) / tp) * (costs.allReduceBytesPerToken / linkBytesPerSecond),
    attention: costs.attentionFlopsPerSquare / tp / bf16FlopsPerSecond,
    kv: costs.kvBytesPerToken / tp / memoryBytesPerSecond,
    layers: model.layers,
    allReduces: tp > 1 ? 2 * model.layers : 0,
  };
}
