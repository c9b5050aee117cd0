import { describe, expect, it } from 'vitest';
import { type Ended, sideOf } from '../../bench/fidelity/side.js';
import { simulatedRun } from '../../bench/fidelity/simulated.js';
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

  it('serves what came before the load and reports the load alone, its orders from its begin on', () => {
    const crowd = (fromSeconds: number, count: number) =>
      Array.from({ length: count }, (_, k) => ({
        atSeconds: fromSeconds + k / 100,
        isl: 500,
        osl: 60,
        level: 'medium',
      }));
    const requests = [...crowd(0, 4000), ...crowd(400, 10), ...crowd(600, 4000)];
    const before = simulatedRun(defaultConfig(), requests, 0);
    const after = simulatedRun(defaultConfig(), requests, 0, 400);
    expect(before.side.all).toMatchObject({ requests: 8010 });
    expect(after.side.all).toMatchObject({ requests: 4010 });
    const grown = before.side.pools.medium?.actions ?? [];
    expect(grown[0]?.atSeconds).toBeLessThan(400);
    expect(grown.at(-1)?.atSeconds).toBeGreaterThan(400);
    expect(after.side.pools.medium?.actions).toEqual(
      grown.flatMap((one) =>
        one.atSeconds < 400 ? [] : { ...one, atSeconds: expect.closeTo(one.atSeconds - 400, 6) },
      ),
    );
  });
});
