import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { requestsOf } from '../../../src/simulator/workload/arrivals.js';
import { burstCurve } from '../../../src/simulator/workload/burst.js';
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
  const ten = new TokenTable([[1, 10]]);
  const burst = { peakMinuteToMean: 4.1, dispersion: 13, memorySeconds: 120, flickerSeconds: 1 };
  const countsOf = (rps: number, atRps: number, seed: number) => {
    const rate = burstCurve(flat(rps), { ...burst, atRps }, seed);
    const counts = new Array<number>(hours).fill(0);
    const load = { level: 'm', rate, tokens: { isl: ten, osl: ten }, seed };
    for (const { atSeconds } of seriesRequests(load)) counts[Math.floor(atSeconds)]!++;
    return counts;
  };
  const dispersionOf = (counts: readonly number[]) => {
    const average = mean(counts);
    return mean(counts.map((count) => (count - average) ** 2)) / average;
  };

  it('has the wanted mean, busiest minute and index of dispersion at every seed', () => {
    for (const seed of [1, 2]) {
      const counts = countsOf(4, 4, seed);
      const minutes = Array.from({ length: hours / 60 }, (_, k) => mean(counts.slice(60 * k, 60 * k + 60)));
      expect(mean(counts)).toBeGreaterThan(3.9);
      expect(mean(counts)).toBeLessThan(4.1);
      // The rate's busiest minute is exactly 4.1 x mean; a count of about 1,000 differs from it by 3 %.
      expect(Math.max(...minutes) / 4).toBeGreaterThan(3.8);
      expect(Math.max(...minutes) / 4).toBeLessThan(4.4);
      expect(dispersionOf(counts)).toBeGreaterThan(11.5);
      expect(dispersionOf(counts)).toBeLessThan(14.5);
    }
  });

  it('disperses more the higher it is scaled: 1 + rps CV^2', () => {
    // CV^2 = (13 - 1) / 4 = 3, so 1 + 20 x 3 = 61 at 20 requests/s.
    const dispersion = dispersionOf(countsOf(20, 4, 1));
    expect(dispersion).toBeGreaterThan(55);
    expect(dispersion).toBeLessThan(67);
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
