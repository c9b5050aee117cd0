import { describe, expect, test } from 'vitest';
import { budgetSeconds, comingBy, isEven, overspent, spending } from '../../src/planning/spending.js';
import { observation, policy } from './support.js';

// 10 % allowed (p90 leaves the same).
const saver = policy({ costOptimization: true });
const hour = (ended: number, missed: number, pardoned = 0) => ({
  leads: [],
  dispersion: null,
  ended,
  missed,
  asideBefore: null,
  pardoned,
});

test('an hour without a miss plans to use 85 % of what is allowed, an even one 90 %', () => {
  // (0.085 x (1000 + 100) - 0) / 100 = 0.94, at most 0.1 x 0.85
  expect(spending(saver, hour(1000, 0), { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(
    0.085,
    4,
  );
  // An even hour: at most three times as much, and never more than the hour has left: (0.09 x 1100 - 0) / 100 = 0.99
  expect(spending(saver, hour(1000, 0), { lateWaiting: 0, expected: 100, even: true }).late).toBeCloseTo(
    0.27,
  );
  // (0.09 x 1100 - 80) / 100 = 0.19
  expect(spending(saver, hour(1000, 80), { lateWaiting: 0, expected: 100, even: true }).late).toBeCloseTo(
    0.19,
  );
});

test('what was late when the pool opened is not won back', () => {
  // 200 stand aside, 195 of them since the opening: (0.085 x 1100 - 83 - 5) / 100 = 0.055
  const late = { lateWaiting: 200, expected: 100, even: false };
  expect(spending(saver, hour(1000, 83, 195), late).late).toBeCloseTo(0.055, 4);
  // They have gone; a pardon is no credit.
  expect(spending(saver, hour(1000, 0, 195), { ...late, lateWaiting: 0 }).late).toBeCloseTo(0.085, 4);
});

test('what was missed in the hour, and what stands aside, is no longer there to use', () => {
  // (0.085 x 1100 - 83 - 5) / 100 = 0.055
  expect(spending(saver, hour(1000, 83), { lateWaiting: 5, expected: 100, even: false }).late).toBeCloseTo(
    0.055,
    4,
  );
});

test('the words count those that stand aside among those that were late, and among all', () => {
  const { why } = spending(saver, hour(100, 50), { lateWaiting: 300, expected: 100, even: false });
  // 50 + 300 of 100 + 300
  expect(why).toContain("87.5 % of the last hour's 400 were late");
});

describe('more than allowed became late within the window', () => {
  const over = (violationShare: number, lateWaiting: number, asideBefore: number, runningBefore = 0) => {
    const latency = { requests: 100, violationShare };
    const seen = observation({ ready: 1, lateWaiting, latency });
    const outlook = { ...hour(0, 0), asideBefore, runningBefore };
    const ahead = { lateWaiting, expected: 100, even: false };
    return overspent({ o: seen, policy: saver, outlook, spending: spending(saver, outlook, ahead) });
  };

  test('where more than a tenth ended late, or came to stand aside', () => {
    expect([over(0.1, 0, 0), over(0.12, 0, 0)]).toEqual([false, true]);
    // 13 of 113
    expect([over(0, 40, 30), over(0, 43, 30)]).toEqual([false, true]);
  });

  test('not where those that stood aside ended, nor those of them that an engine had before the window', () => {
    // 50 ended late, 40 of them left the queue within the window, and 10 ran when it began.
    expect(over(0.5, 160, 200, 10)).toBe(false);
    // With none of those, 10 of 60 became late.
    expect(over(0.5, 160, 200, 0)).toBe(true);
    // As many as left the queue may have run before: 95 - 40 - 40 = 15 of 60 are too many whatever runs.
    expect(over(0.95, 160, 200, 1000)).toBe(true);
  });

  test('engines count for nothing while the line of those that stand aside grows', () => {
    expect(over(0.12, 200, 200, 100)).toBe(true);
  });
});

test('an overdrawn hour still plans for two fifths', () => {
  expect(spending(saver, hour(1000, 500), { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(
    0.04,
  );
});

test('without cost optimisation nothing is spent on purpose', () => {
  expect(spending(policy(), hour(1000, 0), { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(
    0.03,
  );
});

test('the watched percentile bounds what may be late too', () => {
  const strict = policy({ costOptimization: true, latencyPercentile: 99 });
  expect(spending(strict, null, { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(0.0085, 5);
});

test('a load is even once no burst came for a quarter of an hour, where one would have been seen', () => {
  const watched = policy({ burstProtection: true });
  expect([null, 0, 100_001].map((spike) => isEven(watched, spike, 0, 1_000_000))).toEqual([
    true,
    true,
    false,
  ]);
  expect(isEven(policy({ burstProtection: false }), null, 0, 1_000_000)).toBe(false);
});

test('the step up to the first load of a pool is no burst, and tells nothing of how even the load is', () => {
  const watched = policy({ burstProtection: true });
  expect(isEven(watched, 250_000, 300_000, 300_000)).toBe(true);
  expect(isEven(watched, 300_000, 300_000, 300_001)).toBe(false);
  expect(isEven(watched, null, 300_000, 299_999)).toBe(false);
  expect(isEven(watched, null, undefined, 300_000)).toBe(false);
});

test('lateness is won back over a quarter of an hour, or as long as a decision answers for; what is left is spent sooner', () => {
  expect([budgetSeconds(130, false), budgetSeconds(1800, false)]).toEqual([900, 1800]);
  expect([budgetSeconds(130, true), budgetSeconds(1800, true)]).toEqual([300, 1800]);
});

describe('requests that are late with however many workers', () => {
  const ahead = { lateWaiting: 0, expected: 100, even: false };

  test('are part of what may be late while the others can make up for them', () => {
    const hopeless = { late: 0.04, lateWork: 0.5 };
    // (0.085 x 1100 - 60) / 100 = 0.335, at most 0.085 of the 96 % that are not
    const some = spending(saver, hour(1000, 60), { ...ahead, hopeless });
    expect(some.late).toBeCloseTo(0.04 + 0.085 * 0.96, 6);
    expect(some.lateWork).toBeCloseTo(0.5 + 3 * 0.085 * 0.5, 6);
    // (0.085 x 1100 - 85) / 100 = 0.085, of which 0.04 are hopeless
    expect(spending(saver, hour(1000, 85), { ...ahead, hopeless }).late).toBeCloseTo(0.085, 6);
    expect(some.why).toContain('4 % are with however many workers');
  });

  test('are counted apart where they alone are more than that', () => {
    // Of 1000, 200 were hopeless; 20 of the other 800 were late: (0.085 x 1100 - 20 / 0.8) / 100 is more than 0.085.
    const many = spending(saver, hour(1000, 220), { ...ahead, hopeless: { late: 0.2, lateWork: 0.9 } });
    expect(many.late).toBeCloseTo(0.2 + 0.085 * 0.8, 6);
    expect(many.overPace).toBe(false);
    const all = spending(saver, hour(1000, 1000), { ...ahead, hopeless: { late: 1, lateWork: 1 } });
    expect([all.late, all.lateWork]).toEqual([1, 1]);
  });

  test('excuse as many of a window as there may well be', () => {
    const seen = observation({ ready: 1, latency: { requests: 50, violationShare: 0.16 } });
    const over = (late: number) => {
      const outlook = { ...hour(0, 0), asideBefore: 0 };
      const by = spending(saver, outlook, { ...ahead, hopeless: { late, lateWork: late } });
      return overspent({ o: seen, policy: saver, outlook, spending: by });
    };
    // 8 of 50, where 2 and twice 1.4 more may be hopeless
    expect([over(0), over(0.04)]).toEqual([true, false]);
  });
});

describe('what comes until a worker could', () => {
  const busy = (lateWaiting: number, violationShare: number | null) =>
    observation({ ready: 1, arrivals: 10, lateWaiting, latency: { requests: 100, violationShare } });
  const before = { ...hour(1000, 60), asideBefore: 20 };

  const coming = (o: ReturnType<typeof busy>, outlook = before) =>
    comingBy(40, { o, policy: saver, outlook, hopelessShare: 0 });

  test('is the arrivals of the window, and what became late in it, at its pace', () => {
    // Windows of 20 s, a cold start of 40 s: twice (100 x 0.1 + 50 - 20).
    expect(coming(busy(50, 0.1))).toEqual({ requests: 400, late: 80 });
    // Those that stood aside before and ended late are no new ones, nor a credit.
    expect(coming(busy(0, 0.1))).toEqual({ requests: 400, late: 0 });
    expect(coming(busy(0, null))).toEqual({ requests: 400, late: 0 });
    expect(coming(observation({ arrivals: [null, null] }))).toEqual({ requests: 0, late: 0 });
  });

  test('leaves no share to spend where the hour is overdrawn by then', () => {
    const ahead = { lateWaiting: 0, expected: 100, even: false };
    const by = (late: number) =>
      spending(saver, hour(1000, 60), { ...ahead, coming: { requests: 400, late } }).overPace;
    // 60 + late of 0.085 x (1000 + 400) = 119
    expect([by(58), by(60)]).toEqual([false, true]);
    // The share itself is that of what has been late.
    expect(spending(saver, hour(1000, 60), { ...ahead, coming: { requests: 400, late: 60 } }).late).toBe(
      spending(saver, hour(1000, 60), ahead).late,
    );
  });
});
