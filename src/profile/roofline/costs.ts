import type { ModelDimensions } from './models.js';

/** Type of the linear layers' weights. Embeddings, head and KV cache are BF16. */
export type WeightType = 'fp8' | 'bf16';

const BF16_BYTES = 2;

/** Bytes and FLOPs of a model that follow from its dimensions alone, over all GPUs of a worker. */
export interface ModelCosts {
  weightBytes: number;
  /** Weights that every decode step reads: all but experts and embedding table (its rows are looked up). */
  bytesReadPerStep: number;
  /** Weights of all experts; 0: dense. */
  expertBytes: number;
  linearFlopsPerToken: number;
  headFlopsPerToken: number;
  /** Prompt attention: FLOPs = this x n^2. */
  attentionFlopsPerSquare: number;
  kvBytesPerToken: number;
  /** Two all-reduces of a hidden vector in each layer. */
  allReduceBytesPerToken: number;
}

/**
 * Each parameter of a linear layer is read once a step and multiplied once a token (2 FLOPs); of the experts a token uses
 * `active`. Attention takes 4 x heads x head size FLOPs a layer and pair of tokens (QK^T and PV), over half the square.
 */
export function modelCosts(m: ModelDimensions, type: WeightType): ModelCosts {
  const kvWidth = m.kvHeads * m.headDim;
  const attention = 2 * m.hidden * m.heads * m.headDim + 2 * m.hidden * kvWidth;
  const ffn = 3 * m.hidden * m.ffn;
  const router = m.experts === null ? 0 : m.hidden * m.experts.count;
  const always = m.layers * (attention + router + (m.experts === null ? ffn : 0));
  const experts = m.experts === null ? 0 : m.layers * m.experts.count * ffn;
  const active = m.experts === null ? 0 : m.layers * m.experts.active * ffn;
  const table = m.vocabulary * m.hidden;
  const bytes = type === 'fp8' ? 1 : BF16_BYTES;
  return {
    weightBytes: (always + experts) * bytes + (m.tiedEmbeddings ? 1 : 2) * table * BF16_BYTES,
    bytesReadPerStep: always * bytes + table * BF16_BYTES,
    expertBytes: experts * bytes,
    linearFlopsPerToken: 2 * (always + active),
    headFlopsPerToken: 2 * table,
    attentionFlopsPerSquare: (4 * m.heads * m.headDim * m.layers) / 2,
    kvBytesPerToken: 2 * m.layers * kvWidth * BF16_BYTES,
    allReduceBytesPerToken: 2 * m.layers * m.hidden * BF16_BYTES,
  };
}
