import { describe, expect, it } from 'vitest';
import { simulatedRun } from '../../bench/fidelity/simulated.js';
import { type Ended, sideOf } from '../../bench/fidelity/side.js';
import { defaultConfig } from '../../src/config/load.js';

describe('one side of the fidelity benchmark', () => {
  it('has the mean TTFT and the 99th percentile of the whole time of what completed, and orders that changed something', () => {
    const ended = Array.from({ length: 100 }, (_, k): Ended => {
      const done = k > 0;
      return {
        pool: 'high',
        ttftSeconds: done ? 0.1 : null,
        endToEndSeconds: done ? k : null,
        attained: done,
      };
    });
    const orders = [
      { atSeconds: -3, workers: 1 },
      { atSeconds: 2, workers: 1 },
      { atSeconds: 5, workers: 2 },
      { atSeconds: 6, workers: 2 },
      { atSeconds: 40, workers: 1 },
    ];
    const { pools, all } = sideOf(ended, { high: orders });
    expect(pools.high).toMatchObject({ requests: 100, completed: 99, attainment: 0.99 });
    expect(pools.high?.actions).toEqual([
      { atSeconds: 5, workers: 2 },
      { atSeconds: 40, workers: 1 },
    ]);
    expect(all.ttftMean).toBeCloseTo(0.1, 12);
    // 99 samples of 1 to 99 s: rank ceil(0.99 x 99) = 99.
    expect(all.endToEndP99).toBe(99);
  });

  it('simulates the same requests, each later by the dispatch time', () => {
    const requests = Array.from({ length: 20 }, (_, k) => ({
      atSeconds: 2 * k,
      isl: 500,
      osl: 8,
      level: 'medium',
    }));
    const bare = simulatedRun(defaultConfig(), requests, 0);
    const later = simulatedRun(defaultConfig(), requests, 0.05);
    expect(bare.side.all).toMatchObject({ requests: 20, completed: 20 });
    expect((later.side.all.ttftMean ?? 0) - (bare.side.all.ttftMean ?? 0)).toBeCloseTo(0.05, 6);
  });
});
