import type { EngineLoad } from '../contract/worker.js';
import type { Engine } from './engine.js';

/** Requests at once: what a benchmark of bare BullMQ has as its concurrency. */
const SEQUENCES = 100;

/** An engine that answers every request with one token at once: for measuring everything but the engine. */
export function createNoopEngine(clock: () => number = Date.now): Engine {
  let generated = 0;
  let running = 0;
  return {
    async start(signal) {
      signal.throwIfAborted();
    },
    async *generate(request, signal) {
      running++;
      try {
        signal.throwIfAborted();
        if (request.emitted.length > 0) return;
        generated++;
        yield { tokens: ['ok'], atMs: [clock()] };
      } finally {
        running--;
      }
    },
    load: () => noopLoad(generated, running),
    room: () => SEQUENCES - running,
    onRoom: () => {},
    async stop() {},
  };
}

function noopLoad(generatedTokens: number, runningSequences: number): EngineLoad {
  return {
    maxSequences: SEQUENCES,
    runningSequences,
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
