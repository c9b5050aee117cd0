/** Solves a x = b for a symmetric positive definite a, by Cholesky's factors; null where it is not. */
export function solveSymmetric(a: readonly (readonly number[])[], b: readonly number[]): number[] | null {
  const n = b.length;
  const lower: number[][] = [];
  const y: number[] = [];
  for (let i = 0; i < n; i++) {
    const row: number[] = [];
    lower.push(row);
    for (let j = 0; j <= i; j++) {
      let sum = a[i]?.[j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (row[k] ?? 0) * (lower[j]?.[k] ?? 0);
      if (j < i) row.push(sum / (lower[j]?.[j] ?? 1));
      else if (sum > 0 && Number.isFinite(sum)) row.push(Math.sqrt(sum));
      else return null;
    }
    const known = row.slice(0, i).reduce((sum, value, k) => sum + value * (y[k] ?? 0), 0);
    y.push(((b[i] ?? 0) - known) / (row[i] ?? 1));
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = y[i] ?? 0;
    for (let k = i + 1; k < n; k++) sum -= (lower[k]?.[i] ?? 0) * (x[k] ?? 0);
    x[i] = sum / (lower[i]?.[i] ?? 1);
  }
  return x;
}
