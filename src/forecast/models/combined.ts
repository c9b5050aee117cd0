import { z } from 'zod';
import { largestBand } from '../bands/largest.js';
import { mixPaths, softWeights } from './mixture.js';
import type { CountNoise, Path, PathModel } from '../path.js';

/** How fast weights follow losses. */
const RATE = 0.2;
/** Past loss that still counts after a bin. */
const MEMORY = 0.995;
/** Share of all weight that is dealt out evenly each bin. */
const SHARE = 0.001;

/** The 0.9 quantile of the normal distribution. */
const Z90 = 1.2816;
/** Shorter paths than this are not asked for, since longer ones mostly follow. */
const FEW_BINS = 8;

/** A forecast that waits for its outcome. */
const openSchema = z.tuple([
  /** Bins seen since it was made. */
  z.number().int().min(0),
  /** Largest rate so far. */
  z.number(),
  /** Middle and spread of each model. */
  z.array(z.tuple([z.number(), z.number().min(0)])),
]);
export const combinedStateSchema = z.object({
  horizonBins: z.number().int().min(1),
  logWeights: z.array(z.number()),
  open: z.array(openSchema),
});
type Open = z.output<typeof openSchema>;
type State = z.output<typeof combinedStateSchema>;

/**
 * Several models weighed by their recent loss at the horizon: exponential weights with a fixed share (Herbster and
 * Warmuth 1998), so that another model can take over when the load changes its nature. The loss of a model is the
 * pinball loss of its median and 0.9 quantile of the largest rate within the horizon, in units of the mixture's spread.
 */
export class CombinedModel implements PathModel<State> {
  #logWeights: number[];
  #open: Open[];
  /** The longest paths asked for since the last bin. */
  #paths: readonly Path[] | null = null;

  constructor(
    private readonly experts: readonly PathModel[],
    private readonly horizonBins: number,
    state?: State,
  ) {
    this.#logWeights = [...(state?.logWeights ?? experts.map(() => 0))];
    // What was forecast for another horizon is not judged by this one.
    this.#open = state?.horizonBins === horizonBins ? [...state.open] : [];
  }

  push(rate: number | null, noise: CountNoise): void {
    for (const expert of this.experts) expert.push(rate, noise);
    this.#paths = null;
    this.#judge(rate);
    const paths = this.#ahead(this.horizonBins, noise);
    if (paths === null) return;
    const bands = paths.map((path): [number, number] => {
      const { middle, spread } = largestBand(path, noise, 1, this.horizonBins);
      return [middle, spread];
    });
    this.#open.push([0, 0, bands]);
  }

  path(bins: number, noise: CountNoise): Path | null {
    const paths = this.#ahead(bins, noise);
    return paths === null ? null : mixPaths(paths, softWeights(this.#logWeights));
  }

  #ahead(bins: number, noise: CountNoise): readonly Path[] | null {
    if (this.#paths !== null && (this.#paths[0]?.mean.length ?? 0) >= bins) return this.#paths;
    const paths: Path[] = [];
    for (const expert of this.experts) {
      const path = expert.path(Math.max(bins, FEW_BINS), noise);
      if (path === null) return null;
      paths.push(path);
    }
    this.#paths = paths;
    return paths;
  }

  save(): State {
    return {
      horizonBins: this.horizonBins,
      logWeights: [...this.#logWeights],
      open: [...this.#open],
    };
  }

  #judge(rate: number | null): void {
    const open: Open[] = [];
    // A window with a bin that is not known says nothing.
    if (rate !== null) {
      for (const [age, before, bands] of this.#open) {
        const seen = Math.max(before, rate);
        if (age + 1 < this.horizonBins) open.push([age + 1, seen, bands]);
        else this.#learn(seen, bands);
      }
    }
    this.#open = open;
  }

  #learn(seen: number, bands: Open[2]): void {
    const weights = softWeights(this.#logWeights);
    const unit = bands.reduce((sum, [, spread], i) => sum + (weights[i] ?? 0) * spread, 0);
    const grown = bands.map(([middle, spread], i) => {
      const loss = pinball(0.5, seen - middle) + pinball(0.9, seen - middle - Z90 * spread);
      return MEMORY * (this.#logWeights[i] ?? 0) - (RATE * loss) / unit;
    });
    this.#logWeights = softWeights(grown).map((w) => Math.log((1 - SHARE) * w + SHARE / grown.length));
  }
}

function pinball(p: number, miss: number): number {
  return miss >= 0 ? p * miss : (p - 1) * miss;
}
