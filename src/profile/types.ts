/**
 * Performance of one model on one GPU type, by tensor parallelism.
 * Laws: TTFT(n) = a0 + a1 n + a2 n^2 for a lone prompt of n tokens; ITL = b0 + b1 batch + b2 kvTokens.
 * A step of chunked prefill and decode, in any mixture, takes
 *   step = b0 + a1 p + a2 ((c + p)^2 - c^2) + b1 batch + b2 kvTokens
 * for p prompt tokens after c tokens of the same prompt already in the cache, summed over the prompts of the step. What
 * remains of a0, max(0, a0 - b0), is the front end's: a request can be scheduled so long after it was submitted, and
 * no step is held up by it. A model choice; docs/profile.md has the argument.
 */
export interface Profile {
  name: string;
  model: string;
  gpu: string;
  /** Where the numbers come from. */
  source: string;
  /** KV cache bytes of one token over all GPUs of a worker. */
  kvBytesPerToken: number;
  /** Weights over all GPUs of a worker, bytes. */
  weightBytes: number;
  /** Memory of one GPU, bytes. */
  gpuMemoryBytes: number;
  /** Activations and runtime, bytes on each GPU. */
  overheadBytesPerGpu: number;
  /** Bandwidth between a prefill and a decode worker, bytes/s. */
  transferBytesPerSecond: number;
  /** What its reader should know before trusting a law that was fitted; absent: nothing. */
  notes?: string[];
  /** Laws by TP degree. */
  tp: Record<number, StepLaw>;
}

export interface StepLaw {
  /** Seconds, seconds/token, seconds/token^2. */
  ttft: readonly [a0: number, a1: number, a2: number];
  /** Seconds, seconds/sequence, seconds/token. */
  itl: readonly [b0: number, b1: number, b2: number];
}
