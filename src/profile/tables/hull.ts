export type Point = readonly [x: number, y: number];

/** The convex hull of points, counter-clockwise, without points on its edges (Andrew's monotone chain). */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 3) return sorted;
  const lower = chain(sorted);
  const upper = chain(sorted.reverse());
  return [...lower.slice(0, -1), ...upper.slice(0, -1)];
}

/** Whether a point lies in or on a hull of `convexHull`. NaN never does. */
export function insideHull(hull: readonly Point[], point: Point): boolean {
  const [first, second] = hull;
  if (first === undefined) return false;
  if (second === undefined) return first[0] === point[0] && first[1] === point[1];
  if (hull.length === 2) return cross(first, second, point) === 0 && between(first, second, point);
  return hull.every((corner, i) => cross(corner, hull[(i + 1) % hull.length] ?? corner, point) >= 0);
}

function chain(points: readonly Point[]): Point[] {
  const out: Point[] = [];
  for (const point of points) {
    for (let n = out.length; n >= 2; n = out.length) {
      const [before, last] = [out[n - 2], out[n - 1]];
      if (before === undefined || last === undefined || cross(before, last, point) > 0) break;
      out.pop();
    }
    out.push(point);
  }
  return out;
}

/** Above 0: c lies left of the line from a to b. */
function cross(a: Point, b: Point, c: Point): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

function between(a: Point, b: Point, c: Point): boolean {
  const along = (axis: 0 | 1) =>
    c[axis] >= Math.min(a[axis], b[axis]) && c[axis] <= Math.max(a[axis], b[axis]);
  return along(0) && along(1);
}
