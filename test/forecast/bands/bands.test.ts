import { describe, expect, test } from 'vitest';
import { Calibration } from '../../../src/forecast/bands/calibration.js';
import { largestBand, normalQuantile } from '../../../src/forecast/bands/largest.js';
import { ScoreTable } from '../../../src/forecast/bands/scores.js';
import { NoiseTracker } from '../../../src/forecast/noise.js';
import { drawCounts } from '../../../src/simulator/workload/counts.js';

const unit = { binSeconds: 1, variance: () => 1 };

describe('the largest of several bins', () => {
  test('lies above the mean of equal bins by the expected largest of as many normal draws', () => {
    const path = { mean: [10, 10, 10, 10, 10], variance: [0, 0, 0, 0, 0] };
    expect(largestBand(path, unit, 2, 2)).toEqual({ middle: 10, spread: 1 });
    // Of five: 1.163 (tables of order statistics), by Blom 1.180; deviation 0.669, here sqrt(1 / (1 + 0.72 ln 5)) = 0.681.
    const { middle, spread } = largestBand(path, unit, 1, 5);
    expect(middle).toBeCloseTo(11.18, 2);
    expect(spread).toBeCloseTo(0.681, 2);
  });

  test('is that of the one bin that stands out', () => {
    const path = { mean: [10, 30, 10], variance: [0, 8, 0] };
    expect(largestBand(path, unit, 1, 3)).toEqual({ middle: 30, spread: 3 });
  });
});

test('normal quantiles', () => {
  expect(normalQuantile(0.5)).toBe(0);
  expect(normalQuantile(0.975)).toBeCloseTo(1.959964, 5);
  expect(normalQuantile(0.001)).toBeCloseTo(-3.090232, 5);
});

describe('a table of scores', () => {
  test('is the normal distribution before anything was seen', () => {
    const table = new ScoreTable();
    for (const p of [0.1, 0.5, 0.9, 0.99]) expect(table.quantile(p)).toBeCloseTo(normalQuantile(p), 0);
  });

  test('comes to what was seen, and forgets', () => {
    const table = new ScoreTable();
    for (let k = 0; k < 2000; k++) table.add(((k * 37) % 100) / 50);
    // Even over 0..2: of 250 scores remembered and 20 of the prior.
    expect(table.quantile(0.5)).toBeCloseTo(1, 0);
    expect(Math.abs(table.quantile(0.9) - 1.8)).toBeLessThan(0.1);
    for (let k = 0; k < 2000; k++) table.add(-2);
    expect(table.quantile(0.5)).toBeLessThan(-1.8);
  });

  test('takes scores beyond its ends', () => {
    const table = new ScoreTable();
    for (let k = 0; k < 500; k++) table.add(k % 2 === 0 ? 1e9 : -1e9);
    expect(table.quantile(0.99)).toBeLessThanOrEqual(16);
    expect(table.quantile(0.01)).toBeGreaterThanOrEqual(-8);
  });
});

test('forecasts that were too low are widened, those of windows with a gap are not judged', () => {
  const path = (bins: number) => ({ mean: Array(bins).fill(10), variance: Array(bins).fill(0) });
  const told = (rate: (bin: number) => number | null) => {
    const calibration = new Calibration();
    for (let bin = 0; bin < 200; bin++) {
      calibration.observe(rate(bin), unit);
      calibration.note(path, unit);
    }
    return calibration.scores(1, 4).quantile(0.5);
  };
  expect(told(() => 13)).toBeGreaterThan(1);
  // Every fourth bin is missing: no window of four is whole.
  expect(told((bin) => (bin % 4 === 0 ? null : 13))).toBeCloseTo(0, 1);
});

test('an idle beginning leaves no mark: not while it lasts, nor by the load that comes', () => {
  const first = new Calibration();
  const idle = { mean: Array(40).fill(0), variance: Array(40).fill(0) };
  for (let bin = 0; bin < 200; bin++) {
    first.observe(0, unit);
    first.note(() => idle, unit);
  }
  // Half a request a bin is more than came.
  expect(first.scores(1, 4).quantile(0.9)).toBeLessThan(1);
  first.observe(500, unit);
  expect(first.scores(1, 4).quantile(0.9)).toBeCloseTo(new ScoreTable().quantile(0.9), 6);
});

test('noise is told from a level that moves, and is never less than that of counting', () => {
  const ramp = [
    { atSeconds: 0, rps: 2 },
    { atSeconds: 30_000, rps: 40 },
  ];
  const dispersion = (wanted: number) => {
    const noise = new NoiseTracker(30);
    for (const rate of drawCounts(ramp, { binSeconds: 30, seed: 2, dispersion: wanted })) noise.push(rate);
    return noise.dispersion;
  };
  expect(dispersion(0)).toBe(1);
  expect(dispersion(1)).toBeLessThan(1.4);
  expect(Math.abs(dispersion(8) - 8)).toBeLessThan(2);
});
