import type { EngineLoad } from '../contract/worker.js';
import type { Engine, EngineRequest, TokenBatch } from './engine.js';

/** Large enough that the engine never limits a benchmark of what stands around it. */
const SEQUENCES = 8192;

/** An engine that answers every request with one token at once: for measuring everything but the engine. */
export function createNoopEngine(clock: () => number = Date.now): Engine {
  let generated = 0;
  return {
    async start(signal) {
      signal.throwIfAborted();
    },
    generate: (request, signal) => ({
      [Symbol.asyncIterator]: () => answer(request, signal, clock, () => generated++),
    }),
    load: () => noopLoad(generated),
    room: () => SEQUENCES,
    onRoom: () => {},
    async stop() {},
  };
}

function answer(
  request: EngineRequest,
  signal: AbortSignal,
  clock: () => number,
  onToken: () => void,
): AsyncIterator<TokenBatch> {
  let done = request.emitted.length > 0;
  return {
    async next() {
      signal.throwIfAborted();
      if (done) return { done: true, value: undefined };
      done = true;
      onToken();
      return { done: false, value: { tokens: ['ok'], atMs: [clock()] } };
    },
  };
}

function noopLoad(generatedTokens: number): EngineLoad {
  return {
    maxSequences: SEQUENCES,
    runningSequences: 0,
    waitingSequences: 0,
    totalKvBlocks: SEQUENCES,
    usedKvBlocks: 0,
    blockTokens: 16,
    waitingPrefillTokens: 0,
    prefixHitRate: null,
    generatedTokens,
    preemptions: 0,
  };
}
