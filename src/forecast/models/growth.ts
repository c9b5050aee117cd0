/** Bins whose largest rate bounds what a trend may forecast. */
export const GROWTH_BINS = 20;
/** The largest mean that a trend may reach, relative to that rate. */
const GROWTH_LIMIT = 2;

/** Trends do not run away: at most twice the largest of the newest rates, and one request/s. */
export function growthBound(largest: number): number {
  return GROWTH_LIMIT * largest + 1;
}

/** A mean in [0, bound]; one that is not a number becomes the bound. */
export function boundMean(mean: number, bound: number): number {
  return Number.isNaN(mean) ? bound : Math.min(Math.max(mean, 0), bound);
}
