import { barycentric, cloughTocher } from './clough-tocher.js';
import { delaunay, type Triangulation } from './delaunay.js';
import type { Point } from './hull.js';
import type { DecodeGrid, DecodeTable } from './types.js';

/** How far outside a triangle a point may lie and still count as on its edge. */
const ON_EDGE = 100 * Number.EPSILON;

/**
 * A regular grid over a decode table, as Dynamo's DecodeInterpolator makes it: KV usage 0..1 by context length 0..the
 * longest, `resolution` points each; inside the points' hull the Clough-Tocher cubic, outside the nearest point.
 * Upstream's triangulation keeps some flat triangles between points on one line by accident of rounding; here they have
 * none, which moves the ITL near such a line by up to 1 %, throughput near 0 by more. Where upstream's grid is
 * recorded, use that.
 */
export function decodeGrid(table: DecodeTable, resolution = 100): DecodeGrid {
  const points = table.kvUsage.map((usage, i): Point => [usage, table.contextLength[i] ?? 0]);
  const kvUsage = steps(1, resolution);
  const contextLength = steps(Math.max(...table.contextLength), resolution);
  const mesh = delaunay(points);
  const fill = (values: readonly number[]) => {
    const inside = cloughTocher(points, values, mesh);
    return contextLength.map((y) =>
      kvUsage.map((x) => {
        const found = locate(points, mesh, [x, y]);
        if (found === null) return values[nearestPoint(points, [x, y])] ?? Number.NaN;
        return inside(found.index, found.position);
      }),
    );
  };
  return {
    kvUsage,
    contextLength,
    itlMs: fill(table.itlMs),
    throughputPerGpu: fill(table.throughputPerGpu),
    maxKvTokens: table.maxKvTokens,
  };
}

/** numpy's linspace(0, last, count). */
function steps(last: number, count: number): number[] {
  const step = last / (count - 1);
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? last : i * step));
}

function locate(points: readonly Point[], mesh: Triangulation, point: Point) {
  for (const [index, triangle] of mesh.triangles.entries()) {
    const position = barycentric(points, triangle, point);
    if (Math.min(...position) >= -ON_EDGE) return { index, position };
  }
  return null;
}

/** Nearest in the units of the axes, as upstream: a step of context weighs more than all of the KV cache. */
function nearestPoint(points: readonly Point[], [x, y]: Point): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  points.forEach((point, i) => {
    const distance = (point[0] - x) ** 2 + (point[1] - y) ** 2;
    if (distance < least) [best, least] = [i, distance];
  });
  return best;
}
