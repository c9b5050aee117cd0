import { z } from 'zod';
import { largestBand } from '../bands/largest.js';
import { mixPaths, softWeights } from './mixture.js';
import type { CountNoise, Path, PathModel } from '../path.js';

/** How fast weights follow losses. */
const RATE = 0.5;
/** Past loss that still counts after a bin. */
const MEMORY = 0.97;
/** Share of all weight that is dealt out evenly each bin. */
const SHARE = 0.02;

const expertSchema = z.object({ middle: z.number(), spread: z.number().min(0) });
const openSchema = z.object({
  age: z.number().int().min(0),
  seen: z.number().nullable(),
  experts: z.array(expertSchema),
});
export const combinedStateSchema = z.object({
  logWeights: z.array(z.number()),
  open: z.array(openSchema),
});
type State = z.output<typeof combinedStateSchema>;

/**
 * Several models weighed by their recent loss at the horizon: exponential weights with a fixed share (Herbster and
 * Warmuth 1998), so that another model can take over when the load changes its nature. The loss of a model is the
 * pinball loss of its median and 0.9 quantile of the largest rate within the horizon, in units of the mixture's spread.
 */
export class CombinedModel implements PathModel<State> {
  #logWeights: number[];
  #open: z.output<typeof openSchema>[];

  constructor(
    private readonly experts: readonly PathModel[],
    private readonly horizonBins: number,
    state?: State,
  ) {
    this.#logWeights = [...(state?.logWeights ?? experts.map(() => 0))];
    this.#open = (state?.open ?? []).map((open) => ({ ...open }));
  }

  push(rate: number | null, noise: CountNoise): void {
    for (const expert of this.experts) expert.push(rate, noise);
    this.#judge(rate);
    const bands: { middle: number; spread: number }[] = [];
    for (const expert of this.experts) {
      const path = expert.path(this.horizonBins, noise);
      if (path === null) return;
      bands.push(largestBand(path, noise, 1, this.horizonBins));
    }
    this.#open.push({ age: 0, seen: 0, experts: bands });
  }

  path(bins: number, noise: CountNoise): Path | null {
    const paths: Path[] = [];
    for (const expert of this.experts) {
      const path = expert.path(bins, noise);
      if (path === null) return null;
      paths.push(path);
    }
    return mixPaths(paths, softWeights(this.#logWeights));
  }

  get weights(): number[] {
    return softWeights(this.#logWeights);
  }

  save(): State {
    return { logWeights: [...this.#logWeights], open: structuredClone(this.#open) };
  }

  #judge(rate: number | null): void {
    this.#open = this.#open.filter((open) => {
      open.age += 1;
      open.seen = open.seen === null || rate === null ? null : Math.max(open.seen, rate);
      if (open.age < this.horizonBins) return true;
      const { seen } = open;
      if (seen === null) return false;
      const weights = softWeights(this.#logWeights);
      const unit = open.experts.reduce((sum, { spread }, i) => sum + (weights[i] ?? 0) * spread, 0);
      const grown = open.experts.map(({ middle, spread }, i) => {
        const loss = pinball(0.5, seen - middle) + pinball(0.9, seen - middle - 1.2816 * spread);
        return MEMORY * (this.#logWeights[i] ?? 0) - (RATE * loss) / Math.max(1e-9, unit);
      });
      const count = grown.length;
      this.#logWeights = softWeights(grown).map((w) => Math.log((1 - SHARE) * w + SHARE / count));
      return false;
    });
  }
}

function pinball(p: number, miss: number): number {
  return miss >= 0 ? p * miss : (p - 1) * miss;
}
