import { describe, expect, test } from 'vitest';
import { backtest } from '../../../src/forecast/backtest/backtest.js';
import { LossTally } from '../../../src/forecast/backtest/losses.js';

const options = { binSeconds: 30, windows: [{ from: 1, to: 2 }], warmupBins: 0, clock: () => 0 };

describe('a backtest', () => {
  test('compares what was forecast after a bin with the largest rate of the window', () => {
    const { points } = backtest('constant', [1, 2, 3, 4, 5], { ...options, keepPoints: true });
    // After bin 0 come 2 and 3; the last two bins have no whole window ahead.
    expect(points.map(({ bin, actual }) => [bin, actual])).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
  });

  test('judges no window with a bin that is not known, and none of the warm-up', () => {
    const series = [1, 1, null, 1, 1, 1, 1];
    const judged = (warmupBins: number) =>
      backtest('constant', series, { ...options, warmupBins }).losses[0]?.windows;
    // After bins 2, 3 and 4.
    expect(judged(0)).toBe(3);
    expect(judged(3)).toBe(2);
  });

  test('asks nothing of what comes later: another future, the same forecasts', () => {
    const past = Array.from({ length: 40 }, (_, t) => 5 + (t % 7));
    const run = (future: number) =>
      backtest('combined', [...past, future, future], { ...options, keepPoints: true })
        .points.slice(0, 38)
        .map(({ quantiles }) => quantiles);
    expect(run(0)).toEqual(run(500));
  });

  test('measures a plan by the clock it is given', () => {
    let ms = 0;
    const clock = () => (ms += 2);
    expect(backtest('constant', [1, 2, 3], { ...options, clock }).planMs).toBe(2);
  });
});

test('losses are those of the textbook', () => {
  const tally = new LossTally();
  // Median 10, came 14: pinball 0.5 x 4; 0.9 quantile 12: 0.9 x 2; 0.95 quantile 16: 0.05 x 2; 0.99 quantile 20: 0.01 x 6.
  tally.add(11, [10, 12, 16, 20], 14, 8);
  tally.add(11, [10, 12, 16, 20], 10, null);
  const losses = tally.losses();
  expect(losses).toMatchObject({ windows: 2, meanActual: 12, mae: 2, bias: -1, mase: 4 / 6 });
  expect(losses.pinball.map((value) => value * 2)).toEqual([
    expect.closeTo(2),
    expect.closeTo(1.8 + 0.1 * 2),
    expect.closeTo(0.1 + 0.05 * 6),
    expect.closeTo(0.06 + 0.01 * 10),
  ]);
  expect(losses.coverage).toEqual([0.5, 0.5, 1, 1]);
});
