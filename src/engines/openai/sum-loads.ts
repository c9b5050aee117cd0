import type { EngineLoad } from '../../contract/worker.js';

/** The load of several servers as one engine's; the hit rate is the mean of those that tell theirs. */
export function sumOfLoads(first: EngineLoad, others: readonly EngineLoad[]): EngineLoad {
  const loads = [first, ...others];
  const sum = (of: (load: EngineLoad) => number) => loads.reduce((total, load) => total + of(load), 0);
  const rates = loads.flatMap(({ prefixHitRate }) => prefixHitRate ?? []);
  return {
    ...first,
    maxSequences: sum((load) => load.maxSequences),
    runningSequences: sum((load) => load.runningSequences),
    waitingSequences: sum((load) => load.waitingSequences),
    totalKvBlocks: sum((load) => load.totalKvBlocks),
    usedKvBlocks: sum((load) => load.usedKvBlocks),
    waitingPrefillTokens: sum((load) => load.waitingPrefillTokens),
    generatedTokens: sum((load) => load.generatedTokens),
    preemptions: sum((load) => load.preemptions),
    prefixHitRate: rates.length === 0 ? null : rates.reduce((a, b) => a + b, 0) / rates.length,
  };
}
