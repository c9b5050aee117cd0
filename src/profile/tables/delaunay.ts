import type { Point } from './hull.js';

/** A triangle of point indices, counter-clockwise. */
export type Triangle = readonly [number, number, number];

export interface Triangulation {
  triangles: readonly Triangle[];
  /** By triangle, the neighbour opposite to each corner; -1: none. */
  neighbours: readonly Triangle[];
}

/** The tie-break's size: far above rounding, far below any distance between measured points. */
const TIE_BREAK = 1e-7;
/**
 * Twice the area below which a triangle counts as flat, relative to the points' bounding box: points on one line (each
 * context length at one request, say) whose digits were rounded have no triangles between them.
 */
const FLAT = 1e-8;

/**
 * Delaunay triangulation by wrapping: from an edge of the hull, each edge gets the point whose circle is empty. O(n^2).
 * Points on one circle (a regular grid has nothing else) are told apart by a tiny fixed weight of each point, which
 * keeps the triangles from overlapping. All points on one line have no triangle.
 */
export function delaunay(points: readonly Point[]): Triangulation {
  const circles = new Circles(points);
  const triangles: Triangle[] = [];
  /** Directed edge -> its triangle, on the left. */
  const owner = new Map<string, number>();
  const open: [number, number][] = [];
  const first = hullEdge(circles, points);
  if (first !== null) open.push(first);
  for (let edge = open.pop(); edge !== undefined; edge = open.pop()) {
    const [a, b] = edge;
    if (owner.has(key(a, b))) continue;
    const c = circles.emptiest(a, b);
    if (c === null) continue;
    for (const [from, to] of [
      [a, b],
      [b, c],
      [c, a],
    ] as const) {
      owner.set(key(from, to), triangles.length);
      if (!owner.has(key(to, from))) open.push([to, from]);
    }
    triangles.push([a, b, c]);
  }
  const across = (from: number, to: number) => owner.get(key(to, from)) ?? -1;
  const neighbours = triangles.map(([a, b, c]): Triangle => [across(b, c), across(c, a), across(a, b)]);
  return { triangles, neighbours };
}

function key(from: number, to: number): string {
  return `${from} ${to}`;
}

/** From the lowest point (the leftmost of those) along the hull, counter-clockwise, to the next point on it. */
function hullEdge(circles: Circles, points: readonly Point[]): [number, number] | null {
  const order = points
    .map((_, i) => i)
    .sort((i, j) => circles.y(i) - circles.y(j) || circles.x(i) - circles.x(j));
  const [a, ...rest] = order;
  const [start] = rest;
  if (a === undefined || start === undefined) return null;
  const distance = (i: number) => (circles.x(i) - circles.x(a)) ** 2 + (circles.y(i) - circles.y(a)) ** 2;
  const b = rest.reduce((best, i) => {
    const side = circles.turn(a, best, i);
    return side < 0 || (side === 0 && distance(i) < distance(best)) ? i : best;
  }, start);
  return [a, b];
}

class Circles {
  readonly #points: readonly Point[];
  readonly #weight: readonly number[];
  readonly #flat: number;

  constructor(points: readonly Point[]) {
    this.#points = points;
    const range = (axis: 0 | 1) => {
      const values = points.map((point) => point[axis]);
      return Math.max(...values) - Math.min(...values);
    };
    this.#flat = FLAT * range(0) * range(1);
    const size = TIE_BREAK * Math.min(range(0), range(1)) ** 2;
    // The fractional parts of multiples of the golden ratio: fixed, and no two alike.
    this.#weight = points.map((_, i) => size * ((i * 0.6180339887498949) % 1));
  }

  x(i: number): number {
    return this.#points[i]?.[0] ?? Number.NaN;
  }

  y(i: number): number {
    return this.#points[i]?.[1] ?? Number.NaN;
  }

  /** Above 0: c lies left of the line from a to b. */
  turn(a: number, b: number, c: number): number {
    return (
      (this.x(b) - this.x(a)) * (this.y(c) - this.y(a)) - (this.y(b) - this.y(a)) * (this.x(c) - this.x(a))
    );
  }

  /** The point left of a to b whose circle through both holds no other; null: none is left. */
  emptiest(a: number, b: number): number | null {
    let best: number | null = null;
    for (let i = 0; i < this.#points.length; i++) {
      if (i === a || i === b || this.turn(a, b, i) <= this.#flat) continue;
      if (best === null || this.#inCircle(a, b, best, i) > 0) best = i;
    }
    return best;
  }

  /** Above 0: d lies in the circle through a, b, c (counter-clockwise). Shewchuk 1997, section 4. */
  #inCircle(a: number, b: number, c: number, d: number): number {
    const row = (i: number) => {
      const [x, y] = [this.x(i) - this.x(d), this.y(i) - this.y(d)];
      return { x, y, lift: x * x + y * y + (this.#weight[i] ?? 0) - (this.#weight[d] ?? 0) };
    };
    const [p, q, r] = [row(a), row(b), row(c)];
    return (
      p.x * (q.y * r.lift - r.y * q.lift) -
      p.y * (q.x * r.lift - r.x * q.lift) +
      p.lift * (q.x * r.y - r.x * q.y)
    );
  }
}
