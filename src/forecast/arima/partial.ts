/** Stationary AR coefficients from any real numbers: x / sqrt(1 + x^2) as partial autocorrelations, then Levinson. */
export function fromPartial(x: readonly number[]): number[] {
  let ar: number[] = [];
  for (const value of x) {
    const r = value / Math.sqrt(1 + value * value);
    ar = [...ar.map((a, i) => a - r * (ar[ar.length - 1 - i] ?? 0)), r];
  }
  return ar;
}
