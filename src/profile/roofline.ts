import type { Profile, StepLaw } from './types.js';

/** A GPU's data-sheet figures. */
export interface Hardware {
  gpu: string;
  /** Dense FP8 and BF16 peaks, FLOP/s. */
  fp8FlopsPerSecond: number;
  bf16FlopsPerSecond: number;
  /** HBM, bytes/s. */
  memoryBytesPerSecond: number;
  /** NVLink, bytes/s each way. */
  linkBytesPerSecond: number;
  /** Between hosts, bytes/s: what moves a KV cache from a prefill to a decode worker. */
  networkBytesPerSecond: number;
  memoryBytes: number;
}

/** Dimensions of a dense decoder with grouped-query attention, FP8 linear layers, BF16 embeddings and KV cache. */
export interface ModelDimensions {
  model: string;
  layers: number;
  hidden: number;
  ffn: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
}

/** Shares of a peak (0..1) and fixed costs (seconds) that arithmetic alone does not give. docs/profile.md: whence. */
export interface Efficiency {
  /** Of the FLOP peak in linear layers. */
  gemm: number;
  /** Of the BF16 FLOP peak in prompt attention. */
  attention: number;
  /** Of the HBM bandwidth. */
  memory: number;
  /** Of the link bandwidth, NVLink and network. */
  link: number;
  prefillFixedSeconds: number;
  decodeFixedSeconds: number;
  decodePerLayerSeconds: number;
  decodePerSequenceSeconds: number;
  /** Latency of one all-reduce, of which a layer has two. */
  allReduceSeconds: number;
  /** Activations, CUDA graphs and runtime, bytes on each GPU. */
  overheadBytesPerGpu: number;
}

const GiB = 2 ** 30;

export const H100_SXM: Hardware = {
  gpu: 'H100 SXM 80 GB',
  fp8FlopsPerSecond: 1979e12,
  bf16FlopsPerSecond: 989e12,
  memoryBytesPerSecond: 3.35e12,
  linkBytesPerSecond: 450e9,
  networkBytesPerSecond: 50e9,
  memoryBytes: 80 * GiB,
};

export const H200_SXM: Hardware = {
  ...H100_SXM,
  gpu: 'H200 SXM 141 GB',
  memoryBytesPerSecond: 4.8e12,
  memoryBytes: 141 * GiB,
};

export const LLAMA_31_8B: ModelDimensions = {
  model: 'Llama-3.1-8B-Instruct-FP8',
  layers: 32,
  hidden: 4096,
  ffn: 14336,
  heads: 32,
  kvHeads: 8,
  headDim: 128,
  vocabulary: 128256,
};

export const LLAMA_33_70B: ModelDimensions = {
  model: 'Llama-3.3-70B-Instruct-FP8',
  layers: 80,
  hidden: 8192,
  ffn: 28672,
  heads: 64,
  kvHeads: 8,
  headDim: 128,
  vocabulary: 128256,
};

/** vLLM 0.10 on H100/H200. */
export const VLLM_EFFICIENCY: Efficiency = {
  gemm: 0.465,
  attention: 0.5,
  memory: 0.9,
  link: 0.8,
  prefillFixedSeconds: 15e-3,
  decodeFixedSeconds: 2e-3,
  decodePerLayerSeconds: 25e-6,
  decodePerSequenceSeconds: 15e-6,
  allReduceSeconds: 8e-6,
  overheadBytesPerGpu: 3.3e9,
};

/** Bytes and FLOPs of a model that follow from its dimensions alone. */
function modelCosts(m: ModelDimensions) {
  const kvWidth = m.kvHeads * m.headDim;
  const linear = m.layers * (2 * m.hidden * m.hidden + 2 * m.hidden * kvWidth + 3 * m.hidden * m.ffn);
  const vocabulary = m.vocabulary * m.hidden;
  return {
    /** FP8 linear layers (1 byte), BF16 embedding and head (2 bytes each). */
    weightBytes: linear + 4 * vocabulary,
    /** A decode step reads all but the embedding table. */
    bytesReadPerStep: linear + 2 * vocabulary,
    linearFlopsPerToken: 2 * linear,
    headFlopsPerToken: 2 * vocabulary,
    /** QK^T and PV over half the square (causal): FLOPs = this x n^2. */
    attentionFlopsPerSquare: (4 * m.heads * m.headDim * m.layers) / 2,
    /** K and V of every layer in BF16. */
    kvBytesPerToken: 2 * m.layers * kvWidth * 2,
    /** Two all-reduces of a BF16 hidden vector in each layer. */
    allReduceBytesPerToken: 2 * m.layers * m.hidden * 2,
  };
}

/** The step law of one TP degree; formulas: docs/profile.md. */
function rooflineLaw(h: Hardware, m: ModelDimensions, e: Efficiency, tp: number): StepLaw {
  const cost = modelCosts(m);
  const weights = cost.bytesReadPerStep / tp / (h.memoryBytesPerSecond * e.memory);
  const linear = cost.linearFlopsPerToken / tp / (h.fp8FlopsPerSecond * e.gemm);
  const head = cost.headFlopsPerToken / tp / (h.bf16FlopsPerSecond * e.gemm);
  const attention = cost.attentionFlopsPerSquare / tp / (h.bf16FlopsPerSecond * e.attention);
  const kv = cost.kvBytesPerToken / tp / (h.memoryBytesPerSecond * e.memory);
  // A ring all-reduce sends 2 (tp - 1) / tp of its bytes over each link.
  const wire = ((2 * (tp - 1)) / tp) * (cost.allReduceBytesPerToken / (h.linkBytesPerSecond * e.link));
  const sync = tp > 1 ? 2 * m.layers * e.allReduceSeconds : 0;
  return {
    ttft: [e.prefillFixedSeconds + weights + sync, linear + wire, attention],
    itl: [
      e.decodeFixedSeconds + m.layers * e.decodePerLayerSeconds + weights + sync,
      linear + head + wire + e.decodePerSequenceSeconds,
      kv,
    ],
  };
}

/** A whole profile from public figures. Times keep six significant digits, so that the file stays readable. */
export function rooflineProfile(
  name: string,
  h: Hardware,
  m: ModelDimensions,
  e: Efficiency,
  degrees: readonly number[],
): Profile {
  const cost = modelCosts(m);
  const tp: Record<number, StepLaw> = {};
  for (const degree of degrees) {
    const law = rooflineLaw(h, m, e, degree);
    tp[degree] = { ttft: rounded(law.ttft), itl: rounded(law.itl) };
  }
  return {
    name,
    model: m.model,
    gpu: h.gpu,
    source: 'Roofline arithmetic of src/profile/roofline.ts, docs/profile.md; not a measurement.',
    kvBytesPerToken: cost.kvBytesPerToken,
    weightBytes: cost.weightBytes,
    gpuMemoryBytes: h.memoryBytes,
    overheadBytesPerGpu: e.overheadBytesPerGpu,
    transferBytesPerSecond: h.networkBytesPerSecond * e.link,
    tp,
  };
}

type Terms = readonly [number, number, number];
function rounded([x, y, z]: Terms): Terms {
  const six = (value: number) => Number(value.toPrecision(6));
  return [six(x), six(y), six(z)];
}
