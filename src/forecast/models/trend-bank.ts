import { z } from 'zod';
import type { Path } from '../path.js';
import {
  predictTrend,
  startTrend,
  type TrendNoise,
  type TrendState,
  trendPath,
  updateTrend,
} from './local-trend.js';
import { mixFlat, softWeights } from './mixture.js';

/** Process noise of the filters, from a load that hardly moves to one that is new in each bin. */
const FILTERS: readonly TrendNoise[] = [
  { level: 0.004, trend: 0 },
  { level: 0.015, trend: 0 },
  { level: 0.05, trend: 0 },
  { level: 0.15, trend: 0 },
  { level: 0.5, trend: 0 },
  { level: 0.002, trend: 0.0005 },
  { level: 0.005, trend: 0.002 },
  { level: 0.02, trend: 0.008 },
];
const STILL: TrendNoise = { level: 0, trend: 0 };
/** Past likelihood that still counts after a bin. */
const MEMORY = 0.97;
/** Share of all weight that is dealt out evenly each bin, so that no filter is out of reach. */
const SHARE = 0.02;

export const trendBankStateSchema = z.object({
  /** Level, trend and covariance a, b, c of each filter; empty while nothing is known. */
  filters: z.array(z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()])).max(FILTERS.length),
  logWeights: z.array(z.number()).length(FILTERS.length),
});
type State = z.output<typeof trendBankStateSchema>;

/**
 * Local linear trends (Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, 2.3) of several
 * process noises side by side, weighed by their recent likelihood (multiple-model estimation: Bar-Shalom et al., Estimation
 * with Applications to Tracking and Navigation, 2001, 11.6). Noise is relative to the level, so that one bank serves pools of
 * any size.
 */
export class TrendBank {
  readonly #filters: TrendState[];
  #logWeights: number[];

  constructor(state?: State) {
    this.#filters = (state?.filters ?? []).map(([level, trend, a, b, c]) => ({ level, trend, a, b, c }));
    this.#logWeights = [...(state?.logWeights ?? FILTERS.map(() => 0))];
  }

  get known(): boolean {
    return this.#filters.length > 0;
  }

  /**
   * `value` null: one bin on without a value. `variance`: that of a value about a level. `floor`: the level below which
   * noise no longer shrinks. `growth`: the factor that a season foretold for this bin.
   * @returns the log likelihood of the value under the bank, without its constant; 0 where there was nothing to judge.
   */
  push(value: number | null, variance: (level: number) => number, floor: number, growth = 1): number {
    if (!this.known) {
      if (value === null) return 0;
      for (const _ of FILTERS) this.#filters.push(startTrend(value, variance(value) + value * value));
      return 0;
    }
    const weights = softWeights(this.#logWeights);
    const scores = this.#filters.map((filter, i) => {
      predictTrend(filter, FILTERS[i] ?? STILL, floor, growth);
      return value === null ? 0 : updateTrend(filter, value, variance(filter.level));
    });
    if (value === null) return 0;
    this.#logWeights = this.#logWeights.map((weight, i) => MEMORY * weight + (scores[i] ?? 0));
    const shared = softWeights(this.#logWeights).map((w) => (1 - SHARE) * w + SHARE / FILTERS.length);
    this.#logWeights = shared.map(Math.log);
    const most = Math.max(...scores);
    return (
      most + Math.log(scores.reduce((sum, score, i) => sum + (weights[i] ?? 0) * Math.exp(score - most), 0))
    );
  }

  /** `growth[h]`: the factor that a season foretells from one bin to the next. */
  path(bins: number, floor: number, growth: readonly number[] = []): Path {
    const size = this.#filters.length * bins;
    const mean = new Float64Array(size);
    const variance = new Float64Array(size);
    for (const [i, filter] of this.#filters.entries())
      trendPath(filter, FILTERS[i] ?? STILL, floor, growth, { mean, variance, at: i * bins, bins });
    return mixFlat(mean, variance, bins, softWeights(this.#logWeights));
  }

  save(): State {
    return {
      filters: this.#filters.map(({ level, trend, a, b, c }) => [level, trend, a, b, c]),
      logWeights: [...this.#logWeights],
    };
  }
}
