import { barycentric, cloughTocher } from './clough-tocher.js';
import { decodeHull } from './decode.js';
import { delaunay, type Triangulation } from './delaunay.js';
import { most } from './extent.js';
import type { Point } from './hull.js';
import type { DecodeGrid, DecodeTable } from './types.js';

/** How far outside a triangle a point may lie and still count as on its edge. */
const ON_EDGE = 100 * Number.EPSILON;

/** ITL and throughput between decode points. */
export interface DecodeInterpolation {
  /** 0..1 and tokens. */
  at(
    kvUsage: number,
    contextLength: number,
  ): {
    itlMs: number;
    /** Output tokens/s and GPU. */
    throughputPerGpu: number;
    /** Whether points were measured around it; outside, the nearest measured point answers. */
    inHull: boolean;
  };
}

/** Inside the points' hull the Clough-Tocher cubic, outside the nearest point. */
export function interpolateDecode(table: DecodeTable): DecodeInterpolation {
  const points = table.kvUsage.map((usage, i): Point => [usage, table.contextLength[i] ?? 0]);
  const mesh = delaunay(points);
  const measuredAround = decodeHull(table);
  const itl = cloughTocher(points, table.itlMs, mesh);
  const throughput = cloughTocher(points, table.throughputPerGpu, mesh);
  return {
    at(kvUsage, contextLength) {
      const point: Point = [kvUsage, contextLength];
      const found = locate(points, mesh, point);
      if (found !== null) {
        return {
          itlMs: itl(found.index, found.position),
          throughputPerGpu: throughput(found.index, found.position),
          inHull: true,
        };
      }
      const nearest = nearestPoint(points, point);
      return {
        itlMs: table.itlMs[nearest] ?? Number.NaN,
        throughputPerGpu: table.throughputPerGpu[nearest] ?? Number.NaN,
        inHull: measuredAround(kvUsage, contextLength),
      };
    },
  };
}

/**
 * A regular grid over a decode table, as Dynamo's DecodeInterpolator makes it: KV usage 0..1 by context length 0..the
 * longest, `resolution` points each, filled by `interpolateDecode`.
 * Upstream's triangulation keeps some flat triangles between points on one line by accident of rounding; here they have
 * none, which moves the ITL near such a line by up to 1 %, throughput near 0 by more. Where upstream's grid is
 * recorded, use that.
 */
export function decodeGrid(table: DecodeTable, resolution = 100): DecodeGrid {
  const kvUsage = steps(1, resolution);
  const contextLength = steps(most(table.contextLength), resolution);
  const surface = interpolateDecode(table);
  const rows = contextLength.map((y) => kvUsage.map((x) => surface.at(x, y)));
  return {
    kvUsage,
    contextLength,
    itlMs: rows.map((row) => row.map(({ itlMs }) => itlMs)),
    throughputPerGpu: rows.map((row) => row.map(({ throughputPerGpu }) => throughputPerGpu)),
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
