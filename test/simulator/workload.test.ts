import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateTokens } from '../../src/contract/tokens.js';
import { arrivalsOf, parseMix } from '../../src/simulator/workload/arrivals.js';
import { PromptWriter } from '../../src/simulator/workload/prompts.js';
import { seededRandom } from '../../src/simulator/workload/random.js';
import { rateAt, shapedArrivals } from '../../src/simulator/workload/shape.js';

const prompts = new PromptWriter(1);
const rows = Array.from({ length: 2000 }, (_, k) => ({ atSeconds: k / 10, isl: 10, osl: 5 }));

describe('seeded randomness', () => {
  it('repeats by seed and name, and differs between names and seeds', () => {
    const draw = (seed: number, name: string) => {
      const random = seededRandom(seed, name);
      return [random(), random(), random()];
    };
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    expect(draw(1, 'a')).not.toEqual(draw(1, 'b'));
    expect(draw(1, 'a')).not.toEqual(draw(2, 'a'));
  });

  it('is even over [0, 1)', () => {
    const random = seededRandom(7);
    const tenths = new Array<number>(10).fill(0);
    for (let k = 0; k < 100_000; k++) {
      const value = random();
      tenths[Math.floor(value * 10)]! += 1;
    }
    for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});

describe('prompts', () => {
  it('have exactly the tokens asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40_000 }), fc.nat(1_000_000), (tokens, key) => {
        expect(estimateTokens(prompts.prompt(key, tokens))).toBe(tokens);
      }),
      { numRuns: 50 },
    );
  });

  it('differ from their first tokens on', () => {
    const starts = new Set<string>();
    for (let key = 0; key < 5000; key++) starts.add(prompts.prompt(key, 100).slice(0, 24));
    expect(starts.size).toBe(5000);
    expect(prompts.prompt(3, 100)).toBe(new PromptWriter(1).prompt(3, 100));
    expect(prompts.prompt(3, 100)).not.toBe(new PromptWriter(2).prompt(3, 100));
  });

  it('of equal blocks share their text, and only so far as the blocks are equal', () => {
    const a = prompts.blocks([5, 6, 7], 1100);
    const b = prompts.blocks([5, 6, 8], 1100);
    expect(estimateTokens(a)).toBe(1100);
    const words = (text: string) => text.split(' ');
    expect(words(a).slice(0, 1024)).toEqual(words(b).slice(0, 1024));
    expect(words(a).slice(1024, 1028)).not.toEqual(words(b).slice(1024, 1028));
    expect(words(prompts.blocks([5], 300))).toEqual(words(a).slice(0, 300));
  });
});

describe('arrivals of a trace', () => {
  it('are the same for the same seed, with levels in their shares', () => {
    const options = { seed: 3, mix: parseMix('high=.5,medium=.3,low=.2') };
    const first = arrivalsOf(rows, options, prompts);
    expect(arrivalsOf(rows, options, prompts).map((a) => a.level)).toEqual(first.map((a) => a.level));
    const share = (level: string) => first.filter((a) => a.level === level).length / first.length;
    expect(share('high')).toBeCloseTo(0.5, 1);
    expect(share('medium')).toBeCloseTo(0.3, 1);
    expect(share('low')).toBeCloseTo(0.2, 1);
  });

  it('divide time by speed, and scale the rate at unchanged times', () => {
    expect(arrivalsOf(rows, { seed: 1, speed: 4 }, prompts).at(-1)?.atSeconds).toBeCloseTo(199.9 / 4, 9);
    const thin = arrivalsOf(rows, { seed: 1, rateScale: 0.25 }, prompts);
    expect(thin.length / rows.length).toBeCloseTo(0.25, 1);
    const times = new Set(rows.map((row) => row.atSeconds));
    expect(thin.every((a) => times.has(a.atSeconds))).toBe(true);
    const more = arrivalsOf(rows, { seed: 1, rateScale: 2.5 }, prompts);
    expect(more.length / rows.length).toBeCloseTo(2.5, 1);
    expect(new Set(more.slice(0, 50).map((a) => a.prompt())).size).toBe(50);
  });

  it("keep a row's own level, id and prompt; copies get ids of their own", () => {
    const own = [{ atSeconds: 0, isl: 2, osl: 1, level: 'low', id: 'x', prompt: 'one two' }];
    const arrivals = arrivalsOf(own, { seed: 1, rateScale: 2, mix: parseMix('high=1') }, prompts);
    expect(arrivals.map(({ level, id }) => [level, id])).toEqual([
      ['low', 'x'],
      ['low', 'x.1'],
    ]);
    expect(arrivals[0]?.prompt()).toBe('one two');
  });

  it.each(['high', 'high=x', 'high=-1', '=1', 'high=0', 'high=1,high=2', 'high=.5,'])(
    'refuse the mix %s',
    (mix) => {
      expect(() => parseMix(mix)).toThrow(/expected --mix like high=\.5,medium=\.3,low=\.2/);
    },
  );
});

describe('shaped arrivals', () => {
  const length = { median: 100, sigma: 0.5, min: 50, max: 300 };
  const rate = [
    { atSeconds: 0, rps: 0 },
    { atSeconds: 100, rps: 20 },
    { atSeconds: 100, rps: 0 },
    { atSeconds: 200, rps: 0 },
  ];

  it('follow the curve: 20 rps at the end of a ramp of 100 s make 1000 requests, none in the lull', () => {
    expect(rateAt(rate, 50)).toBe(10);
    const arrivals = shapedArrivals([{ level: 'high', rate, isl: length, osl: length }], 5, prompts);
    expect(Math.abs(arrivals.length - 1000)).toBeLessThan(150);
    expect(arrivals.every((a) => a.atSeconds <= 100 && a.isl >= 50 && a.isl <= 300)).toBe(true);
    const firstHalf = arrivals.filter((a) => a.atSeconds < 50).length;
    expect(firstHalf / arrivals.length).toBeCloseTo(0.25, 1);
  });

  it('stretch in time at the same rate, sorted over all levels', () => {
    const shapes = ['high', 'low'].map((level) => ({ level, rate, isl: length, osl: length }));
    const arrivals = shapedArrivals(shapes, 5, prompts, 2);
    expect(Math.abs(arrivals.length - 4000)).toBeLessThan(400);
    for (let k = 1; k < arrivals.length; k++)
      expect(arrivals[k]!.atSeconds).toBeGreaterThanOrEqual(arrivals[k - 1]!.atSeconds);
  });
});
