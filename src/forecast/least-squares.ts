export interface Line {
  /** y = intercept + slope x */
  intercept: number;
  slope: number;
  /** Residual standard deviation (n - 2 degrees of freedom); 0 for fewer than three points. */
  sd: number;
  meanX: number;
  /** Sum of (x - meanX)^2. */
  spread: number;
  points: number;
}

/** Ordinary least squares of y on x; slope 0 where x does not vary. Null without a point. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Line | null {
  const n = points.length;
  if (n === 0) return null;
  let meanX = 0;
  let meanY = 0;
  for (const [x, y] of points) {
    meanX += x / n;
    meanY += y / n;
  }
  let spread = 0;
  let cross = 0;
  for (const [x, y] of points) {
    spread += (x - meanX) ** 2;
    cross += (x - meanX) * (y - meanY);
  }
  const slope = spread > 0 ? cross / spread : 0;
  const intercept = meanY - slope * meanX;
  let squares = 0;
  for (const [x, y] of points) squares += (y - intercept - slope * x) ** 2;
  return { intercept, slope, sd: n > 2 ? Math.sqrt(squares / (n - 2)) : 0, meanX, spread, points: n };
}
