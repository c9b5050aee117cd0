import { describe, expect, it } from 'vitest';
import { Holdings } from '../../src/admission/holdings.js';
import { LATELY_MS } from '../../src/admission/reserve.js';

const PLACES = 64;

/** Looks each 100 ms at what tenants hold for so long, from `atMs` on; returns when it ended. */
function hold(holdings: Holdings, held: Record<string, number>, atMs: number, seconds: number): number {
  for (let at = atMs; at < atMs + seconds * 1000; at += 100) {
    for (const [tenant, count] of Object.entries(held)) if (count > 0) holdings.came(tenant, at);
    holdings.update(new Map(Object.entries(held)), PLACES, at);
  }
  return atMs + seconds * 1000;
}

describe('what tenants hold of a worker', () => {
  it('is too much where it is more than an equal part of the places', () => {
    const holdings = new Holdings();
    expect(holdings.isEmpty).toBe(true);
    hold(holdings, { a: 64 }, 0, 1);
    expect(holdings.over).toEqual([]);
    hold(holdings, { a: 33, b: 10 }, 1_000, 1);
    expect(holdings.over).toEqual(['a']);
    expect(holdings.within).toBe(10);
    hold(holdings, { a: 22, b: 22, c: 20 }, 2_000, 1);
    expect(holdings.over).toEqual(['a', 'b']);
  });

  it('makes the others due what they usually hold and its deviation, soon after they came', () => {
    const holdings = new Holdings();
    let at = hold(holdings, { flood: 55, calm: 9 }, 0, 2);
    // 9 + 3, of which it has 9.
    expect(holdings.due).toBe(3);
    at = hold(holdings, { flood: 60, calm: 0 }, at, 1);
    expect(holdings.due).toBeGreaterThanOrEqual(8);
    // It asks for less now.
    at = hold(holdings, { flood: 62, calm: 1 }, at, 40);
    expect(holdings.due).toBe(1);
    expect(holdings.within).toBe(1);
  });

  it('makes one due of which a request was refused lately, whatever it held', () => {
    const holdings = new Holdings();
    holdings.came('calm', 0, true);
    let at = hold(holdings, { flood: 64 }, 0, 5);
    expect(holdings.over).toEqual(['flood']);
    expect(holdings.due).toBe(1);
    at = hold(holdings, { flood: 63 }, at, 6);
    expect(holdings.due).toBe(0);
  });

  it('is forgotten a minute after a tenant came last and has nothing left', () => {
    const holdings = new Holdings();
    const at = hold(holdings, { a: 10, b: 5 }, 0, 1);
    holdings.update(new Map([['b', 5]]), PLACES, at + LATELY_MS + 1);
    expect(holdings.within).toBe(5);
    holdings.update(new Map(), PLACES, at + LATELY_MS + 2);
    expect(holdings.isEmpty).toBe(true);
  });
});
