/** Shares of a peak (0..1) and fixed costs (seconds) that arithmetic alone does not give. */
export interface Efficiency {
  /** From a request's submission until the engine can schedule it. */
  frontEndSeconds: number;
  /** Of the FLOP peak in linear layers and head. */
  gemm: number;
  /** Of the link's bandwidth in all-reduces. */
  link: number;
  /** Of the BF16 FLOP peak in prompt attention. */
  attention: number;
  /** Of the memory's bandwidth, weights and KV cache. */
  memory: number;
  /** Kernels of a layer in one step, beyond what they read and compute. */
  perLayerSeconds: number;
  /** Latency of one all-reduce, of which a layer has two. */
  allReduceSeconds: number;
  /** Scheduling and sampling of one sequence in one step. */
  perSequenceSeconds: number;
}

/** vLLM 0.10.1.1: `calibrate` on all measured tables at hand, three significant digits. docs/profile.md: method. */
export const VLLM_EFFICIENCY: Efficiency = {
  frontEndSeconds: 5.41e-3,
  gemm: 0.465,
  link: 0.639,
  attention: 0.445,
  memory: 0.934,
  perLayerSeconds: 80.9e-6,
  allReduceSeconds: 7.49e-6,
  perSequenceSeconds: 20.1e-6,
};

/** Activations, CUDA graphs and runtime, bytes on each GPU: from the KV tokens that vLLM reported for 8B on H200. */
export const RUNTIME_BYTES_PER_GPU = 3.3e9;
/** Of the network's bandwidth between hosts that a KV transfer gets; assumed. */
export const NETWORK_EFFICIENCY = 0.8;
