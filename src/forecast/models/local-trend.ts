/** Process noise of a filter per bin, relative to the level: of the level, and of the trend. */
export interface TrendNoise {
  level: number;
  trend: number;
}

/** A trend ahead fades by this factor a bin. */
const DAMPING = 0.97;
/** An innovation beyond so many deviations is a step of the load: the filter starts again from what it sees. */
const STEP_DEVIATIONS = 4;
/** Keeps a likelihood from deciding everything by one value. */
const WORST_SCORE = 25;

export interface TrendState {
  level: number;
  trend: number;
  /** Covariance [[a, b], [b, c]]. */
  a: number;
  b: number;
  c: number;
}

export function startTrend(value: number, variance: number): TrendState {
  return { level: value, trend: 0, a: variance, b: 0, c: 0 };
}

/**
 * One bin on: x = F x, P = F P F' + Q with F = g [[1, d], [0, d]], d the damping, g the growth that a season foretells (1:
 * none).
 */
export function predictTrend(s: TrendState, noise: TrendNoise, floor: number, growth = 1): void {
  if (growth !== 1) {
    s.level *= growth;
    s.trend *= growth;
    s.a *= growth * growth;
    s.b *= growth * growth;
    s.c *= growth * growth;
  }
  const size = Math.max(Math.abs(s.level), floor);
  s.level += DAMPING * s.trend;
  s.trend *= DAMPING;
  const { a, b, c } = s;
  s.a = a + 2 * DAMPING * b + DAMPING * DAMPING * c + (noise.level * size) ** 2;
  s.b = DAMPING * b + DAMPING * DAMPING * c;
  s.c = DAMPING * DAMPING * c + (noise.trend * size) ** 2;
}

/**
 * Updates a predicted state by a value of observation variance `r`.
 * @returns the log likelihood of the value, without its constant.
 */
export function updateTrend(s: TrendState, value: number, r: number): number {
  const miss = value - s.level;
  let total = s.a + r;
  const score = (miss * miss) / total;
  const likelihood = -0.5 * (Math.log(total) + Math.min(score, WORST_SCORE));
  if (score > STEP_DEVIATIONS ** 2) {
    s.a += miss * miss;
    total = s.a + r;
  }
  const [k0, k1] = [s.a / total, s.b / total];
  s.level += k0 * miss;
  s.trend += k1 * miss;
  const { a, b, c } = s;
  s.a = a - k0 * a;
  s.b = b - k0 * b;
  s.c = Math.max(0, c - k1 * b);
  return likelihood;
}

/**
 * Means and variances of the levels ahead, written from place `at` on: `predictTrend` again and again. `growth[h]`: from bin h
 * to the next.
 */
export function trendPath(
  from: TrendState,
  noise: TrendNoise,
  floor: number,
  growth: readonly number[],
  into: { mean: Float64Array; variance: Float64Array; at: number; bins: number },
): void {
  let { level, trend, a, b, c } = from;
  for (let h = 0; h < into.bins; h++) {
    const g = growth[h] ?? 1;
    const size = Math.max(Math.abs(level * g), floor);
    level = g * (level + DAMPING * trend);
    trend *= g * DAMPING;
    a = g * g * (a + 2 * DAMPING * b + DAMPING * DAMPING * c) + (noise.level * size) ** 2;
    b = g * g * (DAMPING * b + DAMPING * DAMPING * c);
    c = g * g * DAMPING * DAMPING * c + (noise.trend * size) ** 2;
    into.mean[into.at + h] = level;
    into.variance[into.at + h] = a;
  }
}
