import { describe, expect, it } from 'vitest';
import { onePool, run, steady } from './support.js';

/** A load that needs several workers and comes to a pool at its floor of one. */
describe('a pool that grows out of its floor', () => {
  const lookAheads = ['proactive', 'moderate', 'reactive'] as const;
  const aggressivenesses = ['aggressive', 'balanced', 'conservative'] as const;

  for (const lookAhead of lookAheads)
    for (const aggressiveness of aggressivenesses)
      for (const costOptimization of [true, false])
        it(`keeps its level: ${lookAhead}, ${aggressiveness}, ${costOptimization ? 'cost optimised' : 'plain'}`, () => {
          const config = onePool(
            { scaling: { lookAhead, aggressiveness }, costOptimization, burstProtection: false },
            { coldStartSeconds: 10 },
          );
          // Three workers' worth; counted from when the slowest step-by-step growth has had its time.
          const { result } = run(config, steady(90, 700, 1), { warmUpSeconds: 400 });
          const { tally, series } = result.pools.medium!;
          const { violationsAllowed } = config.pools.medium!;
          expect(tally.attained / tally.requests).toBeGreaterThanOrEqual(1 - violationsAllowed);
          expect(Math.max(...series.map((row) => row.queued))).toBeLessThan(tally.requests / 2);
        });
});
