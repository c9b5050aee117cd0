interface Vertex {
  x: number[];
  f: number;
}

/**
 * Minimises f without derivatives (Nelder and Mead 1965), restarted once from its answer so that a collapsed simplex
 * does not stop it early. Ends when the values of the simplex agree within 1e-10 or after 400 steps a parameter.
 */
export function minimise(f: (x: readonly number[]) => number, start: readonly number[]): Vertex {
  const value = (x: number[]): Vertex => {
    const y = f(x);
    return { x, f: Number.isNaN(y) ? Number.POSITIVE_INFINITY : y };
  };
  if (start.length === 0) return value([]);
  return descend(value, descend(value, [...start], 0.3).x, 0.1);
}

function descend(value: (x: number[]) => Vertex, start: number[], size: number): Vertex {
  const n = start.length;
  const simplex = [
    value(start),
    ...start.map((_, i) => value(start.map((x, j) => (i === j ? x + size : x)))),
  ];
  for (let step = 0; step < 200 * n; step++) {
    simplex.sort((a, b) => a.f - b.f);
    const [best, worst, second] = [simplex[0], simplex[n], simplex[n - 1]];
    if (best === undefined || worst === undefined || second === undefined) break;
    if (Math.abs(worst.f - best.f) < 1e-10) break;
    const centre = start.map((_, j) => simplex.slice(0, n).reduce((sum, v) => sum + (v.x[j] ?? 0), 0) / n);
    const along = (t: number) => value(centre.map((c, j) => c + t * ((worst.x[j] ?? 0) - c)));
    const reflected = along(-1);
    let chosen: Vertex | null = null;
    if (reflected.f < best.f) {
      const expanded = along(-2);
      chosen = expanded.f < reflected.f ? expanded : reflected;
    } else if (reflected.f < second.f) chosen = reflected;
    else {
      const contracted = reflected.f < worst.f ? along(-0.5) : along(0.5);
      if (contracted.f < Math.min(reflected.f, worst.f)) chosen = contracted;
    }
    if (chosen !== null) simplex[n] = chosen;
    else {
      for (let i = 1; i <= n; i++) {
        simplex[i] = value(best.x.map((x, j) => (x + (simplex[i]?.x[j] ?? 0)) / 2));
      }
    }
  }
  simplex.sort((a, b) => a.f - b.f);
  return simplex[0] ?? value(start);
}
