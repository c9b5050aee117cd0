/** A curve through measured points. */
export type Curve = (x: number) => number;

/**
 * The not-a-knot cubic spline through (x, y), x strictly rising: the third derivative is continuous at the second and
 * the last but one point, as in scipy's interp1d(kind='cubic'). Three points give a parabola, two a line, one a
 * constant. Outside the points the end pieces run on; callers clamp.
 * Source: de Boor, A Practical Guide to Splines (2001), ch. IV.
 */
export function cubicSpline(x: readonly number[], y: readonly number[]): Curve {
  const n = x.length;
  if (n === 1) return () => at(y, 0);
  if (n === 2) {
    const slope = (at(y, 1) - at(y, 0)) / (at(x, 1) - at(x, 0));
    return (value) => at(y, 0) + slope * (value - at(x, 0));
  }
  const slopes = n === 3 ? parabolaSlopes(x, y) : notAKnotSlopes(x, y);
  return (value) => hermite(x, y, slopes, value);
}

/** Slopes at the points, from the tridiagonal system of first derivatives. */
function notAKnotSlopes(x: readonly number[], y: readonly number[]): number[] {
  const n = x.length;
  const h = x.slice(1).map((value, i) => value - at(x, i));
  const d = h.map((step, i) => (at(y, i + 1) - at(y, i)) / step);
  const lower = new Array<number>(n).fill(0);
  const diagonal = new Array<number>(n).fill(0);
  const upper = new Array<number>(n).fill(0);
  const right = new Array<number>(n).fill(0);
  const first = at(x, 2) - at(x, 0);
  diagonal[0] = at(h, 1);
  upper[0] = first;
  right[0] = ((at(h, 0) + 2 * first) * at(h, 1) * at(d, 0) + at(h, 0) ** 2 * at(d, 1)) / first;
  for (let i = 1; i < n - 1; i++) {
    lower[i] = at(h, i);
    diagonal[i] = 2 * (at(h, i - 1) + at(h, i));
    upper[i] = at(h, i - 1);
    right[i] = 3 * (at(h, i) * at(d, i - 1) + at(h, i - 1) * at(d, i));
  }
  const last = at(x, n - 1) - at(x, n - 3);
  lower[n - 1] = last;
  diagonal[n - 1] = at(h, n - 3);
  right[n - 1] =
    (at(h, n - 2) ** 2 * at(d, n - 3) + (2 * last + at(h, n - 2)) * at(h, n - 3) * at(d, n - 2)) / last;
  return solveTridiagonal(lower, diagonal, upper, right);
}

/** Thomas algorithm; the system of the spline needs no pivoting. */
function solveTridiagonal(lower: number[], diagonal: number[], upper: number[], right: number[]): number[] {
  const n = right.length;
  for (let i = 1; i < n; i++) {
    const factor = at(lower, i) / at(diagonal, i - 1);
    diagonal[i] = at(diagonal, i) - factor * at(upper, i - 1);
    right[i] = at(right, i) - factor * at(right, i - 1);
  }
  const out = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    out[i] = (at(right, i) - (i < n - 1 ? at(upper, i) * at(out, i + 1) : 0)) / at(diagonal, i);
  }
  return out;
}

function parabolaSlopes(x: readonly number[], y: readonly number[]): number[] {
  const h0 = at(x, 1) - at(x, 0);
  const h1 = at(x, 2) - at(x, 1);
  const d0 = (at(y, 1) - at(y, 0)) / h0;
  const d1 = (at(y, 2) - at(y, 1)) / h1;
  const curvature = (d1 - d0) / (h0 + h1);
  return [d0 - curvature * h0, d0 + curvature * h0, d1 + curvature * h1];
}

function hermite(
  x: readonly number[],
  y: readonly number[],
  slopes: readonly number[],
  value: number,
): number {
  let low = 0;
  let high = x.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (at(x, middle) <= value) low = middle;
    else high = middle;
  }
  const h = at(x, high) - at(x, low);
  const t = (value - at(x, low)) / h;
  const d = (at(y, high) - at(y, low)) / h;
  const c = (d - at(slopes, low)) / h;
  const bend = (at(slopes, low) + at(slopes, high) - 2 * d) / h;
  const s = t * h;
  return at(y, low) + s * (at(slopes, low) + s * (c + (bend * (s - h)) / h));
}

/** Indices here are within range by construction. */
function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}
