import { describe, expect, it } from 'vitest';
import { StaticScaler } from '../../../src/simulator/baselines/static.js';
import { poolCapacity } from '../../../src/simulator/capacity/sustainable.js';
import { hoursOf, judgeHours, leastRequests, worstMinute } from '../../../src/simulator/compare/hours.js';
import { staticBest } from '../../../src/simulator/compare/static-best.js';
import type { SeriesRow } from '../../../src/simulator/run/series.js';
import { simulate } from '../../../src/simulator/run/simulate.js';
import { roundProfile } from '../../support/profiles.js';
import { onePool, run, steady } from '../run/support.js';

const row = (atSeconds: number, arrivals: number, attained: number, gpuHours = 0): SeriesRow => ({
  atSeconds,
  pool: 'medium',
  arrivals,
  attained,
  attainment: attained / arrivals,
  ttftSeconds: null,
  itlSeconds: null,
  readyWorkers: 1,
  startingWorkers: 0,
  drainingWorkers: 0,
  leasedGpus: 1,
  gpuHours,
  queued: 0,
  running: 0,
  state: 'steady',
});

describe('hour by hour', () => {
  it('sums the intervals of each hour', () => {
    const hours = hoursOf([row(0, 10, 9, 0.5), row(1800, 30, 30, 0.25), row(3600, 4, 1, 1)]);
    expect(hours).toEqual([
      { hour: 0, arrivals: 40, attained: 39, gpuHours: 0.75 },
      { hour: 1, arrivals: 4, attained: 1, gpuHours: 1 },
    ]);
  });

  it('judges hours of enough requests, leaves out what cannot be kept, and names the worst', () => {
    // At 10 % allowed an hour needs 10 / 0.1 = 100 requests.
    expect(leastRequests(0.1)).toBe(100);
    const hour = (at: number, arrivals: number, attained: number) => ({
      hour: at,
      arrivals,
      attained,
      gpuHours: 1,
    });
    const hours = [hour(0, 100, 90), hour(1, 100, 89), hour(2, 99, 0), hour(3, 0, 0), hour(4, 500, 100)];
    expect(judgeHours(hours, 0.1, new Set([4]))).toEqual({
      judged: 2,
      tooFew: 1,
      kept: 1,
      missed: [1],
      excused: 1,
      worst: { hour: 1, attainment: 0.89, arrivals: 100 },
    });
  });

  it('the worst minute has at least ten requests', () => {
    expect(worstMinute([row(0, 9, 0), row(60, 10, 6), row(120, 100, 70)])).toEqual({
      atSeconds: 60,
      attainment: 0.6,
      arrivals: 10,
    });
    expect(worstMinute([row(0, 9, 0)])).toBeNull();
  });
});

const engines = { medium: { profile: roundProfile, tp: { vllm: 1, prefill: 1 } } };
const config = onePool(
  { violationsAllowed: 0.1, overload: { policy: 'edf', lateBoundSeconds: 60 } },
  { coldStartSeconds: 10 },
);

describe('a warm-up', () => {
  it('is served and not counted', () => {
    const requests = [...steady(10, 300, 1)];
    const { result } = run(config, requests, { warmUpSeconds: 100, durationSeconds: 300 });
    const { tally, series, figures } = result.pools.medium!;
    const counted = requests.filter(({ atSeconds }) => atSeconds >= 100).length;
    expect(tally).toMatchObject({ requests: counted, completed: counted, lost: 0 });
    expect(series.reduce((sum, { arrivals }) => sum + arrivals, 0)).toBe(counted);
    expect(result.wallSeconds).toBeGreaterThanOrEqual(200);
    expect(result.wallSeconds).toBeLessThan(202);
    expect(figures.gpuSeconds).toBeGreaterThanOrEqual(200);
  });

  it('must be shorter than the run', () => {
    expect(() => run(config, [], { warmUpSeconds: 100, durationSeconds: 100 })).toThrow(/beyond the 100 s/);
  });
});

describe('the smallest fixed fleet', () => {
  const lengths = { isl: 4000, osl: 50 };
  const sample = [{ atSeconds: 0, ...lengths, level: 'medium' }];
  const one = onePool({ maxWorkers: 1, overload: { policy: 'edf', lateBoundSeconds: 60 } });
  const capacity = poolCapacity({ config: one, pool: 'medium', engine: engines.medium, sample, seed: 1 });

  it('capacity is the rate that a fleet just sustains', () => {
    expect(capacity.workers).toBe(1);
    // By the formula, the mean ITL or TTFT meets its target; measured, nine of ten requests do.
    expect(capacity.sustainableRps / capacity.formulaRps).toBeGreaterThan(0.6);
    expect(capacity.sustainableRps / capacity.formulaRps).toBeLessThan(1.3);
    const missed = (rate: number) => {
      const result = run(one, steady(rate, 600, 7, lengths), { durationSeconds: 600 }).result.pools.medium!
        .tally;
      return 1 - result.attained / result.requests;
    };
    expect(missed(0.95 * capacity.sustainableRps)).toBeLessThan(0.1);
    expect(missed(1.1 * capacity.sustainableRps)).toBeGreaterThan(0.1);
  });

  it('is the smallest one that keeps the level, by trying', () => {
    const requests = [...steady(2.5 * capacity.sustainableRps, 400, 3, lengths)];
    const options = { config, engines, requests };
    const facts = { requests: { medium: requests.length }, excused: {} };
    const { workers, outcome } = staticBest(options, facts);
    expect(workers).toEqual({ medium: 3 });
    expect(outcome.pools.medium!.gpuHours).toBeCloseTo((3 * outcome.wallSeconds) / 3600, 6);
    const two = simulate({
      ...options,
      scaler: (input) => new StaticScaler(input, { prefill: 0, decode: 2 }),
    });
    const { tally } = two.pools.medium!;
    expect(1 - tally.attained / tally.requests).toBeGreaterThan(0.1);
  });

  it('says so where even the whole budget does not keep it', () => {
    const requests = [...steady(12 * capacity.sustainableRps, 120, 3, lengths)];
    const facts = { requests: { medium: requests.length }, excused: {} };
    expect(staticBest({ config, engines, requests }, facts).workers).toEqual({ medium: null });
  });
});
