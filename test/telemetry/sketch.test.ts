import fc from 'fast-check';
import { expect, test } from 'vitest';
import { QuantileSketch, RELATIVE_ACCURACY } from '../../src/telemetry/sketch.js';

const seconds = fc.double({ min: 1e-5, max: 1e4, noNaN: true });
const samples = fc.array(seconds, { minLength: 1, maxLength: 300 });
const quantiles = [0, 0.01, 0.5, 0.8, 0.9, 0.95, 0.99, 1];

function sketchOf(values: readonly number[]): QuantileSketch {
  const sketch = new QuantileSketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

function merged(...sketches: QuantileSketch[]): QuantileSketch {
  const all = new QuantileSketch();
  for (const sketch of sketches) all.merge(sketch);
  return all;
}

function exact(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(q * sorted.length - 1e-9)) - 1]!;
}

function content(sketch: QuantileSketch): [number, number][] {
  return [...sketch.buckets].sort(([a], [b]) => a - b);
}

test('every quantile is within the relative accuracy of the exact one', () => {
  fc.assert(
    fc.property(samples, (values) => {
      const sketch = sketchOf(values);
      for (const q of quantiles) {
        const truth = exact(values, q);
        // 1e-9: room for floating point at a bucket's very edge.
        expect(Math.abs(sketch.quantile(q)! - truth)).toBeLessThanOrEqual(truth * (RELATIVE_ACCURACY + 1e-9));
      }
    }),
  );
});

test('merging equals adding all samples to one sketch, in any order and grouping', () => {
  fc.assert(
    fc.property(samples, samples, samples, (a, b, c) => {
      const [x, y, z] = [sketchOf(a), sketchOf(b), sketchOf(c)];
      const whole = content(sketchOf([...a, ...b, ...c]));
      expect(content(merged(merged(x, y), z))).toEqual(whole);
      expect(content(merged(x, merged(y, z)))).toEqual(whole);
      expect(content(merged(z, y, x))).toEqual(whole);
      expect(merged(x, y, z).count).toBe(a.length + b.length + c.length);
    }),
  );
});

test('an empty sketch has no quantile; absurd values stay within its range', () => {
  expect(new QuantileSketch().quantile(0.5)).toBeNull();
  expect(sketchOf([0]).quantile(0.5)).toBeCloseTo(1e-6, 7);
  expect(sketchOf([Number.MAX_VALUE]).quantile(0.5)! / 1e6).toBeCloseTo(1, 1);
});
