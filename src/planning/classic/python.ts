/** Python's min and max of two numbers, which keep the first where a comparison with NaN fails. */
export function pythonMin(a: number, b: number): number {
  // biome-ignore lint/complexity/useMathMinMax: Math.min answers NaN where Python keeps the first
  return b < a ? b : a;
}

export function pythonMax(a: number, b: number): number {
  // biome-ignore lint/complexity/useMathMinMax: as above
  return b > a ? b : a;
}

/** math.ceil: null where Python raises, for NaN and the infinities; never -0. */
export function pythonCeil(value: number): number | null {
  return Number.isFinite(value) ? Math.ceil(value) + 0 : null;
}
