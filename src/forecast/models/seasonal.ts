import { z } from 'zod';
import type { CountNoise, Path, PathModel } from '../path.js';
import { curvesStateSchema, SeasonalCurves } from './curve.js';
import { boundMean, GROWTH_BINS, growthBound } from './growth.js';
import { mixPaths, softWeights } from './mixture.js';
import { Recent } from './recent.js';
import { TrendBank, trendBankStateSchema } from './trend-bank.js';

/** Past likelihood that still counts after a bin. */
const MEMORY = 0.99;
/** Share of all weight that is dealt out evenly each bin. */
const SHARE = 0.01;
const SEASONS = [null, 'day', 'week'] as const;

export const seasonalStateSchema = z.object({
  curves: curvesStateSchema,
  /** Without a season, with that of the day, with that of the week. */
  banks: z.array(trendBankStateSchema).length(SEASONS.length),
  logWeights: z.array(z.number()).length(SEASONS.length),
  recent: z.array(z.number().min(0)).max(GROWTH_BINS),
});
type State = z.output<typeof seasonalStateSchema>;

/**
 * Day and week seasons on local trends, in the manner of Holt and Winters with multiplicative seasons (two of them:
 * Taylor 2003): level and trend follow the newest bins, and a season foretells by what factor they change from bin to bin.
 * Three banks (no season, day, week) are weighed by their likelihood, so that a season that is not known yet or
 * does not hold does no harm.
 */
export class SeasonalModel implements PathModel<State> {
  readonly #curves: SeasonalCurves;
  readonly #banks: TrendBank[];
  #logWeights: number[];
  readonly #recent: Recent;

  constructor(binSeconds: number, state?: State) {
    this.#curves = new SeasonalCurves(binSeconds, state?.curves);
    this.#banks = SEASONS.map((_, i) => new TrendBank(state?.banks[i]));
    this.#logWeights = [...(state?.logWeights ?? SEASONS.map(() => 0))];
    this.#recent = new Recent(GROWTH_BINS, state?.recent);
  }

  push(rate: number | null, noise: CountNoise): void {
    const scores = this.#banks.map((bank, i) => {
      const [growth = 1] = this.#growth(SEASONS[i] ?? null, 1);
      return bank.push(rate, (level) => noise.variance(level), 1 / noise.binSeconds, growth);
    });
    this.#curves.push(rate);
    if (rate === null) return;
    this.#recent.push(rate);
    const grown = this.#logWeights.map((weight, i) => MEMORY * weight + (scores[i] ?? 0));
    this.#logWeights = softWeights(grown).map((w) => Math.log((1 - SHARE) * w + SHARE / SEASONS.length));
  }

  path(bins: number, noise: CountNoise): Path | null {
    if (!this.#banks.every((bank) => bank.known)) return null;
    const bound = growthBound(this.#recent.largest);
    const paths = this.#banks.map((bank, i) => {
      const growth = this.#growth(SEASONS[i] ?? null, bins);
      return bank.path(bins, 1 / noise.binSeconds, growth);
    });
    const { mean, variance } = mixPaths(paths, softWeights(this.#logWeights));
    return {
      mean: mean.map((value) => boundMean(value, bound)),
      variance: variance.map((value) => Math.min(value, bound * bound)),
    };
  }

  save(): State {
    return {
      curves: this.#curves.save(),
      banks: this.#banks.map((bank) => bank.save()),
      logWeights: [...this.#logWeights],
      recent: [...this.#recent.values],
    };
  }

  #growth(season: (typeof SEASONS)[number], bins: number): number[] {
    return season === null ? new Array<number>(bins).fill(1) : this.#curves.growth(season, bins);
  }
}
