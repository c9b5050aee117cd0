import type { Arrival, TimedRequest } from './arrivals.js';
import type { PromptWriter } from './prompts.js';
import { exponential, logNormal, seededRandom } from './random.js';

/** A point of a rate curve; between two points the rate changes evenly. */
export interface RatePoint {
  atSeconds: number;
  /** Requests per second. */
  rps: number;
}

/** The load of one level. */
export interface LevelShape {
  level: string;
  /** In order of time; the rate is 0 before the first and after the last point. */
  rate: readonly RatePoint[];
  /** Lengths in tokens: log-normal about the median, cut to the given range. */
  isl: LengthShape;
  osl: LengthShape;
}

export interface LengthShape {
  median: number;
  /** Standard deviation of the logarithm; 0: always the median. */
  sigma: number;
  min: number;
  max: number;
}

/** Rate of a curve at a time, requests per second. */
export function rateAt(rate: readonly RatePoint[], atSeconds: number): number {
  for (let k = 1; k < rate.length; k++) {
    const from = rate[k - 1];
    const to = rate[k];
    if (!from || !to || atSeconds < from.atSeconds || atSeconds > to.atSeconds) continue;
    const span = to.atSeconds - from.atSeconds;
    return span === 0 ? to.rps : from.rps + ((to.rps - from.rps) * (atSeconds - from.atSeconds)) / span;
  }
  return 0;
}

/**
 * Poisson arrivals whose rate follows one level's curve, drawn by thinning (Lewis and Shedler 1979): candidates at the
 * peak rate, each kept with probability rate / peak. Curve times are multiplied by `stretch`: a longer run has
 * the same rates for longer.
 */
export function* shapeRequests(shape: LevelShape, seed: number, stretch = 1): Generator<TimedRequest> {
  const random = seededRandom(seed, `shape:${shape.level}`);
  const curve = shape.rate.map((point) => ({ ...point, atSeconds: point.atSeconds * stretch }));
  const peak = Math.max(0, ...curve.map((point) => point.rps));
  const end = curve.at(-1)?.atSeconds ?? 0;
  if (peak === 0) return;
  for (let at = exponential(random, 1 / peak); at < end; at += exponential(random, 1 / peak)) {
    if (random() >= rateAt(curve, at) / peak) continue;
    const isl = length(shape.isl, logNormal(random, shape.isl.median, shape.isl.sigma));
    const osl = length(shape.osl, logNormal(random, shape.osl.median, shape.osl.sigma));
    yield { atSeconds: at, isl, osl, level: shape.level };
  }
}

/** The load of all levels with prompts, in order of time. */
export function shapedArrivals(
  shapes: readonly LevelShape[],
  seed: number,
  prompts: PromptWriter,
  stretch = 1,
): Arrival[] {
  const drawn = shapes.flatMap((shape) => [...shapeRequests(shape, seed, stretch)]);
  drawn.sort((a, b) => a.atSeconds - b.atSeconds);
  return drawn.map((arrival, key) => ({ ...arrival, prompt: () => prompts.prompt(key, arrival.isl) }));
}

function length(shape: LengthShape, tokens: number): number {
  return Math.round(Math.min(shape.max, Math.max(shape.min, tokens)));
}
