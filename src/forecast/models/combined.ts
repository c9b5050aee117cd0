import { z } from 'zod';
import { isIdle, largestBand } from '../bands/largest.js';
import type { CountNoise, Path, PathModel } from '../path.js';
import { mixPaths, softWeights } from './mixture.js';

/** How fast weights follow losses. */
const RATE = 0.2;
/** A loss of the next bin, in the same units, that is no chance: what lies above it counts at once, and so much. */
const GROSS = 3;
const GROSS_RATE = 0.5;
/** A loss beyond this, where all forecasts lie far off, tells a step that none could foresee, and not which is the better. */
const MOST_GROSS = 8;
/** Past loss that still counts after a bin. */
const MEMORY = 0.995;
/** Share of all weight that is dealt out by the first weights each bin. */
const SHARE = 0.001;

/** The 0.9 quantile of the normal distribution. */
const Z90 = 1.2816;
/** Shorter paths than this are not asked for, since longer ones mostly follow. */
const FEW_BINS = 8;

const bandSchema = z.tuple([z.number(), z.number().min(0)]);
/** A forecast that waits for its outcome. */
const openSchema = z.tuple([
  /** Bins seen since it was made. */
  z.number().int().min(0),
  /** Largest rate so far. */
  z.number(),
  /** Middle and spread of each model. */
  z.array(bandSchema),
]);
export const combinedStateSchema = z.object({
  horizonBins: z.number().int().min(1),
  logWeights: z.array(z.number()),
  open: z.array(openSchema),
  /** Middle and spread of each model for the next bin; empty while nothing is known. */
  next: z.array(bandSchema),
});
type Band = z.output<typeof bandSchema>;
type Open = z.output<typeof openSchema>;
type State = z.output<typeof combinedStateSchema>;

/**
 * Several models weighed by their recent loss at the horizon: exponential weights with a fixed share (Herbster and
 * Warmuth 1998), so that another model can take over when the load changes its nature. The loss of a model is the
 * pinball loss of its median and 0.9 quantile of the largest rate within the horizon, in units of the mixture's spread.
 * That is known only a horizon later; a model that misses the very next bin by far loses weight at once.
 */
export class CombinedModel implements PathModel<State> {
  #logWeights: number[];
  #open: Open[];
  #next: Band[];
  /** The longest paths asked for since the last bin. */
  #paths: readonly Path[] | null = null;

  constructor(
    private readonly experts: readonly PathModel[],
    /** Weights to begin with, adding up to 1. */
    private readonly prior: readonly number[],
    private readonly horizonBins: number,
    state?: State,
  ) {
    this.#logWeights = [...(state?.logWeights ?? prior.map(Math.log))];
    // What was forecast for another horizon is not judged by this one.
    this.#open = state?.horizonBins === horizonBins ? [...state.open] : [];
    this.#next = [...(state?.next ?? [])];
  }

  push(rate: number | null, noise: CountNoise): void {
    for (const expert of this.experts) expert.push(rate, noise);
    this.#paths = null;
    this.#judge(rate);
    const paths = this.#ahead(this.horizonBins, noise);
    if (paths === null) return;
    const bands = (to: number) =>
      paths.map((path): Band => {
        const { middle, spread } = largestBand(path, noise, 1, to);
        return [middle, spread];
      });
    const judged = bands(this.horizonBins);
    const next = bands(1);
    const told = ([middle]: Band) => !isIdle(middle, noise);
    if (judged.some(told)) this.#open.push([0, 0, judged]);
    this.#next = next.some(told) ? next : [];
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
      next: [...this.#next],
    };
  }

  #judge(rate: number | null): void {
    const open: Open[] = [];
    // A window with a bin that is not known says nothing.
    if (rate !== null) {
      this.#lose(
        this.#losses(rate, this.#next).map(
          (loss) => GROSS_RATE * (Math.min(MOST_GROSS, Math.max(GROSS, loss)) - GROSS),
        ),
        1,
      );
      for (const [age, before, bands] of this.#open) {
        const seen = Math.max(before, rate);
        if (age + 1 < this.horizonBins) open.push([age + 1, seen, bands]);
        else
          this.#lose(
            this.#losses(seen, bands).map((loss) => RATE * loss),
            MEMORY,
          );
      }
    }
    this.#open = open;
  }

  /** Of each model, in units of the mixture's spread; nothing where nothing was forecast. */
  #losses(seen: number, bands: readonly Band[]): number[] {
    const weights = softWeights(this.#logWeights);
    const unit = bands.reduce((sum, [, spread], i) => sum + (weights[i] ?? 0) * spread, 0);
    return bands.map(
      ([middle, spread]) => (pinball(0.5, seen - middle) + pinball(0.9, seen - middle - Z90 * spread)) / unit,
    );
  }

  #lose(losses: readonly number[], memory: number): void {
    if (losses.length === 0) return;
    const grown = losses.map((loss, i) => {
      const first = Math.log(this.prior[i] ?? 0);
      return first + memory * ((this.#logWeights[i] ?? 0) - first) - loss;
    });
    this.#logWeights = softWeights(grown).map((w, i) =>
      Math.log((1 - SHARE) * w + SHARE * (this.prior[i] ?? 0)),
    );
  }
}

function pinball(p: number, miss: number): number {
  return miss >= 0 ? p * miss : (p - 1) * miss;
}
