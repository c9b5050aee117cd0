/** Python's min and max of two numbers, which keep the first where a comparison with NaN fails. */
export function pythonMin(a: number, b: number): number {
  if (b < a) return b;
  return a;
}

export function pythonMax(a: number, b: number): number {
  if (b > a) return b;
  return a;
}

/** math.ceil: null where Python raises, for NaN and the infinities; never -0. */
export function pythonCeil(value: number): number | null {
  return Number.isFinite(value) ? Math.ceil(value) + 0 : null;
}
