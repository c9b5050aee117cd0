import { expect, test } from 'vitest';
import { arrivalsAgeSeconds, knownArrivals, type Writer } from '../../src/telemetry/writers.js';

const base: Writer = { seq: 1, sinceMs: 0, throughMs: 10_000, atMs: 10_000, arrivals: true, closed: false };
const counts = new Map([
  [1, 5],
  [3, 7],
]);

test('a recorded second without arrivals is zero', () => {
  expect(knownArrivals([base], counts, 0, 4, 10_000)).toEqual([0, 5, 0, 7, 0]);
});

test('seconds that nobody recorded are unknown', () => {
  expect(knownArrivals([], counts, 0, 2, 10_000)).toEqual([null, null, null]);
  const late = { ...base, sinceMs: 1_500 };
  expect(knownArrivals([late], counts, 0, 3, 10_000)).toEqual([null, null, 0, 7]);
});

test('a living writer that has not flushed a second yet makes it unknown; a dead or closed one does not', () => {
  const behind = { ...base, throughMs: 2_500, atMs: 2_500 };
  expect(knownArrivals([base, behind], counts, 1, 3, 5_000)).toEqual([5, null, null]);
  expect(knownArrivals([base, behind], counts, 1, 3, 6_000)).toEqual([5, 0, 7]);
  expect(knownArrivals([base, { ...behind, closed: true }], counts, 1, 3, 5_000)).toEqual([5, 0, 7]);
});

test('after the last writer died its past stays known and the time since is unknown', () => {
  const dead = { ...base, throughMs: 2_000, atMs: 2_000 };
  expect(knownArrivals([dead], counts, 0, 3, 60_000)).toEqual([0, 5, null, null]);
  expect(arrivalsAgeSeconds([dead], 60_000)).toBe(58);
});

test('the age of arrivals is that of the slowest living writer', () => {
  expect(arrivalsAgeSeconds([], 10_000)).toBeNull();
  expect(arrivalsAgeSeconds([base, { ...base, throughMs: 9_000, atMs: 9_000 }], 10_500)).toBe(1.5);
});
