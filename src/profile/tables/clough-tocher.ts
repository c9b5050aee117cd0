import type { Triangle, Triangulation } from './delaunay.js';
import { estimateGradients } from './gradients.js';
import type { Point } from './hull.js';

/** Barycentric coordinates of a point in a triangle. */
export type Barycentric = readonly [number, number, number];

export function barycentric(points: readonly Point[], [a, b, c]: Triangle, [x, y]: Point): Barycentric {
  const [[ax, ay], [bx, by], [cx, cy]] = [at(points, a), at(points, b), at(points, c)];
  const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
  const u = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area;
  const v = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area;
  return [u, v, 1 - u - v];
}

/**
 * The piecewise cubic, smooth in value and gradient, of Clough and Tocher through scattered values: each triangle cut
 * in three at its centroid, Bezier ordinates from the values, the estimated gradients and the neighbours' centroids
 * (Alfeld 1984; Farin, Triangular Bernstein-Bezier patches, 1986). The surface of scipy's griddata(method='cubic').
 * @returns the value at a point of triangle `index`, given by its barycentric coordinates.
 */
export function cloughTocher(
  points: readonly Point[],
  values: readonly number[],
  mesh: Triangulation,
): (index: number, at: Barycentric) => number {
  const gradients = estimateGradients(points, values, mesh);
  const patches = mesh.triangles.map((triangle, i) => patch(points, values, gradients, mesh, triangle, i));
  return (index, position) => evaluate(patches[index] ?? [], position);
}

/** The 19 ordinates of a patch in the order of `evaluate`. */
function patch(
  points: readonly Point[],
  values: readonly number[],
  gradients: readonly Point[],
  mesh: Triangulation,
  triangle: Triangle,
  index: number,
): number[] {
  const [i, j, k] = triangle;
  /** The ordinate next to corner `from` on the edge towards `to`. */
  const beside = (from: number, to: number) => {
    const [[fx, fy], [tx, ty], [gx, gy]] = [at(points, from), at(points, to), at(gradients, from)];
    return (values[from] ?? 0) + (gx * (tx - fx) + gy * (ty - fy)) / 3;
  };
  const [c3000, c0300, c0030] = [values[i] ?? 0, values[j] ?? 0, values[k] ?? 0];
  const [c2100, c2010] = [beside(i, j), beside(i, k)];
  const [c1200, c0210] = [beside(j, i), beside(j, k)];
  const [c1020, c0120] = [beside(k, i), beside(k, j)];
  const c2001 = (c2100 + c2010 + c3000) / 3;
  const c0201 = (c1200 + c0300 + c0210) / 3;
  const c0021 = (c1020 + c0120 + c0030) / 3;
  const [g0, g1, g2] = directions(points, mesh, triangle, index);
  const c0111 =
    (g0 * (-c0300 + 3 * c0210 - 3 * c0120 + c0030) + (-c0300 + 2 * c0210 - c0120 + c0021 + c0201)) / 2;
  const c1011 =
    (g1 * (-c0030 + 3 * c1020 - 3 * c2010 + c3000) + (-c0030 + 2 * c1020 - c2010 + c2001 + c0021)) / 2;
  const c1101 =
    (g2 * (-c3000 + 3 * c2100 - 3 * c1200 + c0300) + (-c3000 + 2 * c2100 - c1200 + c2001 + c0201)) / 2;
  const c1002 = (c1101 + c1011 + c2001) / 3;
  const c0102 = (c1101 + c0111 + c0201) / 3;
  const c0012 = (c1011 + c0111 + c0021) / 3;
  const c0003 = (c1002 + c0102 + c0012) / 3;
  return [
    ...[c3000, c2100, c2010, c2001, c1200, c1101, c1020, c1011, c1002, c0300],
    ...[c0210, c0201, c0120, c0111, c0102, c0030, c0021, c0012, c0003],
  ];
}

/**
 * Along each edge the derivative towards the neighbour's centroid is linear; -1/2 where there is no neighbour. The
 * choice is affinely invariant, so that it does not depend on the units of the axes.
 */
function directions(
  points: readonly Point[],
  mesh: Triangulation,
  triangle: Triangle,
  index: number,
): [number, number, number] {
  const direction = (corner: 0 | 1 | 2): number => {
    const other = mesh.triangles[mesh.neighbours[index]?.[corner] ?? -1];
    if (other === undefined) return -0.5;
    const corners = other.map((i) => at(points, i));
    const mean = (axis: 0 | 1) => corners.reduce((sum, point) => sum + point[axis], 0) / 3;
    const c = barycentric(points, triangle, [mean(0), mean(1)]);
    const [after, last] = [c[((corner + 1) % 3) as 0 | 1 | 2], c[((corner + 2) % 3) as 0 | 1 | 2]];
    return (2 * last + after - 1) / (2 - 3 * last - 3 * after);
  };
  return [direction(0), direction(1), direction(2)];
}

function evaluate(c: readonly number[], [u, v, w]: Barycentric): number {
  const least = Math.min(u, v, w);
  const [a, b, d, e] = [u - least, v - least, w - least, 3 * least];
  const weights = [
    ...[a ** 3, 3 * a * a * b, 3 * a * a * d, 3 * a * a * e, 3 * a * b * b, 6 * a * b * e],
    ...[3 * a * d * d, 6 * a * d * e, 3 * a * e * e, b ** 3, 3 * b * b * d, 3 * b * b * e],
    ...[3 * b * d * d, 6 * b * d * e, 3 * b * e * e, d ** 3, 3 * d * d * e, 3 * d * e * e, e ** 3],
  ];
  return weights.reduce((sum, weight, i) => sum + weight * (c[i] ?? 0), 0);
}

function at(points: readonly Point[], index: number): Point {
  return points[index] ?? [Number.NaN, Number.NaN];
}
