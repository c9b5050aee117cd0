/**
 * Least squares with coefficients >= 0 for a few columns: minimises |A c - b|^2 over every set of columns that may be
 * above zero and keeps the best whose solution is (exact; 2^k - 1 small solves, k <= 4 here). The answer is that of
 * Lawson and Hanson, Solving Least Squares Problems (1974), ch. 23.
 */
export function nonNegativeLeastSquares(
  rows: readonly (readonly number[])[],
  target: readonly number[],
): number[] {
  const columns = rows[0]?.length ?? 0;
  let best = { error: squaredError(rows, target, new Array<number>(columns).fill(0)), c: zeros(columns) };
  for (let set = 1; set < 1 << columns; set++) {
    const active = [...Array(columns).keys()].filter((column) => ((set >> column) & 1) === 1);
    const solution = solveNormal(rows, target, active);
    if (solution?.some((value) => !(value >= 0)) ?? true) continue;
    const c = zeros(columns);
    active.forEach((column, i) => {
      c[column] = solution?.[i] ?? 0;
    });
    const error = squaredError(rows, target, c);
    if (error < best.error) best = { error, c };
  }
  return best.c;
}

function zeros(n: number): number[] {
  return new Array<number>(n).fill(0);
}

function squaredError(rows: readonly (readonly number[])[], target: readonly number[], c: number[]): number {
  return rows.reduce((sum, row, i) => {
    const miss = row.reduce((value, x, j) => value + x * (c[j] ?? 0), 0) - (target[i] ?? 0);
    return sum + miss * miss;
  }, 0);
}

/** Normal equations of the active columns, scaled to unit length for the sake of precision; null when singular. */
function solveNormal(
  rows: readonly (readonly number[])[],
  target: readonly number[],
  active: readonly number[],
): number[] | null {
  const scale = active.map((j) => Math.sqrt(rows.reduce((sum, row) => sum + (row[j] ?? 0) ** 2, 0)) || 1);
  const value = (row: readonly number[], k: number) => (row[active[k] ?? 0] ?? 0) / (scale[k] ?? 1);
  const matrix = active.map((_, a) => [
    ...active.map((__, b) => rows.reduce((sum, row) => sum + value(row, a) * value(row, b), 0)),
    rows.reduce((sum, row, i) => sum + value(row, a) * (target[i] ?? 0), 0),
  ]);
  const solved = eliminate(matrix);
  return solved?.map((x, k) => x / (scale[k] ?? 1)) ?? null;
}

/** Gauss with partial pivoting on an augmented matrix; null when singular. */
function eliminate(matrix: number[][]): number[] | null {
  const n = matrix.length;
  for (let column = 0; column < n; column++) {
    const order = [...Array(n).keys()].slice(column);
    const pivot = order.reduce((best, row) =>
      Math.abs(matrix[row]?.[column] ?? 0) > Math.abs(matrix[best]?.[column] ?? 0) ? row : best,
    );
    const [top, chosen] = [matrix[column], matrix[pivot]];
    if (top === undefined || chosen === undefined || Math.abs(chosen[column] ?? 0) < 1e-12) return null;
    matrix[column] = chosen;
    if (pivot !== column) matrix[pivot] = top;
    for (let row = 0; row < n; row++) {
      const line = matrix[row];
      if (row === column || line === undefined) continue;
      const factor = (line[column] ?? 0) / (chosen[column] ?? 1);
      for (let j = column; j <= n; j++) line[j] = (line[j] ?? 0) - factor * (chosen[j] ?? 0);
    }
  }
  return matrix.map((line, i) => (line[n] ?? 0) / (line[i] ?? 1));
}
