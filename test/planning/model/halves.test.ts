import { describe, expect, it } from 'vitest';
import { behindPrefill } from '../../../src/planning/model/halves.js';
import { prospectsOf } from '../../../src/planning/model/prospects.js';
import { auto, both } from '../form/support.js';

const worker = { rps: 10, sequences: 100, itlSeconds: 0.05, classes: [] };

describe('what decode workers behind prefill workers do not keep', () => {
  it('is the share that meets more sequences than they hold', () => {
    // 9 requests/s: 90 sequences in the mean, sd sqrt(2 / e x 90) = 8.14; 10 more are 1.229 sd: 10.95 %.
    expect(behindPrefill(worker, 1, 9, 1)).toBeCloseTo(0.1095, 3);
    // Arrivals twice as ragged: sd 11.5, 0.869 sd: 19.2 %.
    expect(behindPrefill(worker, 1, 9, 2)).toBeCloseTo(0.1924, 3);
  });

  it('is half at capacity, what cannot be passed far beyond it, and all without a worker', () => {
    expect(behindPrefill(worker, 1, 10, 1)).toBeCloseTo(0.5, 6);
    expect(behindPrefill(worker, 1, 1000, 1)).toBeCloseTo(1, 6);
    expect(behindPrefill(worker, 0, 1, 1)).toBe(1);
    expect(behindPrefill(worker, 0, 0, 1)).toBe(0);
    expect(behindPrefill({ ...worker, rps: 0 }, 9, 1, 1)).toBe(1);
  });
});

describe('a pool of both halves', () => {
  const { halves, ...own } = both;
  const policy = { ...auto(), disaggregated: true };
  const prospects = prospectsOf({ ...own, ...halves! }, policy, 1)!;

  it('is late in either half', () => {
    const at = (prefill: number, decode: number) => prospects.of({ prefill, decode }, [9]).late;
    const [queue, behind] = [at(2, 9), behindPrefill(worker, 1, 9, 1)];
    expect(at(2, 1)).toBeCloseTo(1 - (1 - queue) * (1 - behind), 6);
    expect(at(0, 9)).toBe(1);
  });

  it('needs what keeps the level together, for the fewest GPUs', () => {
    const holds = ({ late }: { late: number }) => late <= 0.02;
    const need = prospects.need([16], { prefill: 0, decode: 1 }, holds);
    expect(prospects.of(need, [16]).late).toBeLessThanOrEqual(0.02);
    for (const [prefill, decode] of [
      [need.prefill - 1, need.decode],
      [need.prefill, need.decode - 1],
    ] as const)
      expect(prospects.of({ prefill, decode }, [16]).late).toBeGreaterThan(0.02);
  });

  it('leaves short prompts to the decode workers', () => {
    const model = { ...halves!.model, split: 0.5 };
    const mixed = prospectsOf({ ...own, ...halves!, model }, policy, 1)!;
    // Half as many prompts queue: the same wait as at half the rate, of half the requests.
    const late = prospects.of({ prefill: 1, decode: 9 }, [6]).late;
    expect(mixed.of({ prefill: 1, decode: 9 }, [12]).late).toBeCloseTo(late / 2, 6);
  });
});
