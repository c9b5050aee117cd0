import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestsOf } from '../../../src/simulator/workload/arrivals.js';
import { burstCurve, dispersionAbout } from '../../../src/simulator/workload/burst.js';
import { seriesRequests } from '../../../src/simulator/workload/rate-series.js';
import { TimeHeap } from '../../../src/simulator/workload/time-heap.js';
import { TokenTable } from '../../../src/simulator/workload/token-cdf.js';
import { weekCurve } from '../../../src/simulator/workload/week.js';

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a drawn week', () => {
  const published = [
    { peakRps: 100, peakToMean: 3.17, peakToTrough: 38, weekend: 0.22 },
    { peakRps: 100, peakToMean: 1.76, peakToTrough: 3.9, weekend: 0.85 },
  ];

  it.each(published)('has the published figures at every seed: %j', (shape) => {
    for (const seed of [1, 2, 3]) {
      const rates = weekCurve(shape, seed).map(({ rps }) => rps);
      expect(Math.max(...rates)).toBeCloseTo(100, 6);
      expect(Math.max(...rates) / mean(rates)).toBeCloseTo(shape.peakToMean, 4);
      expect(Math.max(...rates) / Math.min(...rates)).toBeCloseTo(shape.peakToTrough, 4);
    }
  });

  it('differs by seed, has a low weekend and low nights', () => {
    const [shape] = published;
    const curve = weekCurve(shape!, 1);
    expect(curve).toEqual(weekCurve(shape!, 1));
    expect(curve).not.toEqual(weekCurve(shape!, 2));
    const at = (day: number, hour: number) =>
      curve.find(({ atSeconds }) => atSeconds >= (day * 24 + hour) * 3600)!.rps;
    expect(at(5, 15)).toBeLessThan(0.3 * at(1, 15));
    expect(at(2, 4)).toBeLessThan(0.2 * at(2, 16));
  });
});

describe('a bursty rate', () => {
  const hours = 4 * 3600;
  const flat = (rps: number) => [
    { atSeconds: 0, rps },
    { atSeconds: hours, rps },
  ];
  const burst = { peakMinuteToMean: 4.1, dispersion: 13, memorySeconds: 60 };

  it('has the wanted mean, busiest minute and index of dispersion at every seed', () => {
    const ten = new TokenTable([[1, 10]]);
    for (const seed of [1, 2, 3]) {
      const rate = burstCurve(flat(15), burst, seed);
      const minutes = Array.from({ length: hours / 60 }, (_, k) =>
        mean(rate.slice(12 * k, 12 * k + 12).map(({ rps }) => rps)),
      );
      expect(mean(rate.map(({ rps }) => rps))).toBeCloseTo(15, 6);
      expect(Math.max(...minutes) / 15).toBeCloseTo(4.1, 2);
      const dispersion = dispersionAbout(rate, 13);
      const counts = new Array<number>(hours).fill(0);
      for (const { atSeconds } of seriesRequests({
        level: 'm',
        rate,
        tokens: { isl: ten, osl: ten },
        seed,
        dispersion,
      }))
        counts[Math.floor(atSeconds)]!++;
      const average = mean(counts);
      const variance = mean(counts.map((count) => (count - average) ** 2));
      expect(variance / average).toBeGreaterThan(11.5);
      expect(variance / average).toBeLessThan(14.5);
    }
  });
});

describe('copies of a trace', () => {
  it('spread over the seconds after their row, in order of time, as many as asked', () => {
    const rows = Array.from({ length: 200 }, (_, k) => ({ atSeconds: k, isl: 10, osl: 2 }));
    const spread = [...requestsOf(rows, { seed: 1, rateScale: 5, spreadSeconds: 20 })];
    expect(spread).toHaveLength(1000);
    const times = spread.map(({ atSeconds }) => atSeconds);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(new Set(times).size).toBeGreaterThan(990);
    expect(times.at(-1)).toBeLessThan(199 + 20);
  });

  it('a heap of later items gives out all before a moment, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 })),
        fc.integer({ min: 0, max: 30 }),
        (times, moment) => {
          const heap = new TimeHeap<{ atSeconds: number; k: number }>();
          for (const [k, atSeconds] of times.entries()) heap.push({ atSeconds, k });
          const sorted = times
            .map((atSeconds, k) => ({ atSeconds, k }))
            .sort((a, b) => a.atSeconds - b.atSeconds || a.k - b.k);
          const early = sorted.filter(({ atSeconds }) => atSeconds < moment);
          expect([...heap.until(moment)]).toEqual(early);
          expect([...heap.until(Number.POSITIVE_INFINITY)]).toEqual(sorted.slice(early.length));
        },
      ),
    );
  });
});
