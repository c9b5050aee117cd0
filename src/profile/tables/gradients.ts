import type { Triangulation } from './delaunay.js';
import type { Point } from './hull.js';

const ROUNDS = 400;
const TOLERANCE = 1e-6;

/**
 * Gradients at scattered points that make the cubics along all edges of the triangulation bend least: Gauss-Seidel over
 * the points (Nielson 1983; Renka and Cline 1984), as scipy's estimate_gradients_2d_global.
 */
export function estimateGradients(
  points: readonly Point[],
  values: readonly number[],
  mesh: Triangulation,
): Point[] {
  const gradients: Point[] = points.map(() => [0, 0]);
  const neighbours = neighboursOf(points.length, mesh);
  for (let round = 0; round < ROUNDS; round++) {
    let error = 0;
    points.forEach((_, i) => {
      const next = bestGradient(i, neighbours[i] ?? [], points, values, gradients);
      if (next === null) return;
      const [x, y] = gradients[i] ?? [0, 0];
      const change = Math.max(Math.abs(x - next[0]), Math.abs(y - next[1]));
      error = Math.max(error, change / Math.max(1, Math.abs(next[0]), Math.abs(next[1])));
      gradients[i] = next;
    });
    if (error < TOLERANCE) break;
  }
  return gradients;
}

/** The gradient at point i that bends its edges least, given the others'; null where it has none or all are parallel. */
function bestGradient(
  i: number,
  others: readonly number[],
  points: readonly Point[],
  values: readonly number[],
  gradients: readonly Point[],
): Point | null {
  let [qxx, qxy, qyy, sx, sy] = [0, 0, 0, 0, 0];
  const [px, py] = points[i] ?? [0, 0];
  for (const j of others) {
    const [jx, jy] = points[j] ?? [0, 0];
    const [gx, gy] = gradients[j] ?? [0, 0];
    const [ex, ey] = [jx - px, jy - py];
    const cubed = Math.hypot(ex, ey) ** 3;
    const slope = -ex * gx - ey * gy;
    const pull = (6 * ((values[i] ?? 0) - (values[j] ?? 0)) - 2 * slope) / cubed;
    qxx += (4 * ex * ex) / cubed;
    qxy += (4 * ex * ey) / cubed;
    qyy += (4 * ey * ey) / cubed;
    sx += pull * ex;
    sy += pull * ey;
  }
  const determinant = qxx * qyy - qxy * qxy;
  if (!(Math.abs(determinant) > 0)) return null;
  return [-(qyy * sx - qxy * sy) / determinant, -(-qxy * sx + qxx * sy) / determinant];
}

function neighboursOf(count: number, mesh: Triangulation): number[][] {
  const sets = Array.from({ length: count }, () => new Set<number>());
  for (const [a, b, c] of mesh.triangles) {
    for (const [from, to] of [
      [a, b],
      [b, c],
      [c, a],
    ] as const) {
      sets[from]?.add(to);
      sets[to]?.add(from);
    }
  }
  return sets.map((set) => [...set].sort((x, y) => x - y));
}
