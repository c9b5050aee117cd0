import { describe, expect, it } from 'vitest';
import { Rush } from '../../src/queues/rush.js';

/** Counts events at even distances. @returns whether it is load after them. */
function loadAfter(perSecond: number, seconds: number, rush = new Rush(), fromMs = 1000): boolean {
  const every = 1000 / perSecond;
  let atMs = fromMs;
  for (; atMs < fromMs + seconds * 1000; atMs += every) rush.count(atMs);
  return rush.isOn(atMs);
}

describe('Rush', () => {
  it('two hundred a second are none, a thousand are', () => {
    expect(loadAfter(200, 1)).toBe(false); // 20 in a tenth of a second
    expect(loadAfter(1000, 1)).toBe(true); // 100
  });

  it('ends within two tenths of a second after the last', () => {
    const rush = new Rush();
    expect(loadAfter(1000, 1, rush)).toBe(true);
    expect(rush.isOn(2250)).toBe(false);
  });

  it('ends when events come seldom again', () => {
    const rush = new Rush();
    loadAfter(1000, 1, rush);
    expect(loadAfter(100, 1, rush, 2001)).toBe(false);
  });
});
