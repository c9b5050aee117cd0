/**
 * The largest modulus of the inverse roots of 1 - c_1 z - ... - c_n z^n, that is of the roots of
 * x^n - c_1 x^(n-1) - ... - c_n, by Durand and Kerner's iteration.
 */
export function largestInverseRoot(coefficients: readonly number[]): number {
  const last = coefficients.findLastIndex((c) => c !== 0);
  const c = coefficients.slice(0, last + 1);
  if (c.length === 0) return 0;
  let roots = c.map((_, i) => ({ re: Math.cos(0.4 + (2 * Math.PI * i) / c.length), im: Math.sin(0.4 + i) }));
  for (let step = 0; step < 200; step++) {
    let moved = 0;
    roots = roots.map((root, i) => {
      let [re, im] = [1, 0];
      for (const value of c) [re, im] = [re * root.re - im * root.im - value, re * root.im + im * root.re];
      let [a, b] = [1, 0];
      roots.forEach((other, j) => {
        if (i === j) return;
        const [x, y] = [root.re - other.re, root.im - other.im];
        [a, b] = [a * x - b * y, a * y + b * x];
      });
      const norm = a * a + b * b || 1e-30;
      const shift = { re: (re * a + im * b) / norm, im: (im * a - re * b) / norm };
      moved += Math.abs(shift.re) + Math.abs(shift.im);
      return { re: root.re - shift.re, im: root.im - shift.im };
    });
    if (moved < 1e-12) break;
  }
  return Math.max(...roots.map(({ re, im }) => Math.hypot(re, im)));
}
