/** Of two sets of columns that fit alike the earlier one is taken, whatever the last digits say. */
const ALIKE = 1e-9;

/**
 * Least squares with coefficients >= 0 for a few columns: minimises |A c - b|^2 over every set of columns that may be
 * above zero and keeps the best whose solution is (exact; 2^k - 1 small solves, k <= 8 here). The answer is that of
 * Lawson and Hanson, Solving Least Squares Problems (1974), ch. 23. Columns that cannot be told apart: the first.
 */
export function nonNegativeLeastSquares(
  rows: readonly (readonly number[])[],
  target: readonly number[],
): number[] {
  const columns = rows[0]?.length ?? 0;
  const normal = normalEquations(rows, target, columns);
  let best = { error: squaredError(rows, target, zeros(columns)), c: zeros(columns) };
  for (let set = 1; set < 1 << columns; set++) {
    const active = [...Array(columns).keys()].filter((column) => ((set >> column) & 1) === 1);
    const solution = solveActive(normal, active);
    if (solution?.some((value) => !(value >= 0)) ?? true) continue;
    const c = zeros(columns);
    active.forEach((column, i) => {
      c[column] = (solution?.[i] ?? 0) / (normal.scale[column] ?? 1);
    });
    const error = squaredError(rows, target, c);
    if (error < best.error * (1 - ALIKE)) best = { error, c };
  }
  return best.c;
}

function zeros(n: number): number[] {
  return new Array<number>(n).fill(0);
}

function squaredError(rows: readonly (readonly number[])[], target: readonly number[], c: number[]): number {
  let error = 0;
  rows.forEach((row, i) => {
    let miss = -(target[i] ?? 0);
    for (let j = 0; j < c.length; j++) miss += (row[j] ?? 0) * (c[j] ?? 0);
    error += miss * miss;
  });
  return error;
}

/** Normal equations of all columns, scaled to unit length for the sake of precision: `matrix` and `right`. */
interface NormalEquations {
  scale: number[];
  matrix: number[][];
  right: number[];
}

function normalEquations(
  rows: readonly (readonly number[])[],
  target: readonly number[],
  columns: number,
): NormalEquations {
  const each = [...Array(columns).keys()];
  const scale = each.map((j) => Math.sqrt(rows.reduce((sum, row) => sum + (row[j] ?? 0) ** 2, 0)) || 1);
  const dot = (j: number, value: (row: readonly number[], i: number) => number) =>
    rows.reduce((sum, row, i) => sum + ((row[j] ?? 0) / (scale[j] ?? 1)) * value(row, i), 0);
  return {
    scale,
    matrix: each.map((j) => each.map((k) => dot(j, (row) => (row[k] ?? 0) / (scale[k] ?? 1)))),
    right: each.map((j) => dot(j, (_, i) => target[i] ?? 0)),
  };
}

/** The scaled coefficients of the active columns; null when singular. */
function solveActive({ matrix, right }: NormalEquations, active: readonly number[]): number[] | null {
  return eliminate(active.map((j) => [...active.map((k) => matrix[j]?.[k] ?? 0), right[j] ?? 0]));
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
