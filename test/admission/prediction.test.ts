import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PoolSight, predict, type Stage, secondsUntil } from '../../src/admission/prediction.js';
import { judge } from '../../src/admission/verdict.js';
import { normalQuantile } from '../../src/forecast/bands/largest.js';

const stage = (fields: Partial<Stage> = {}): Stage => ({
  ready: 2,
  readyInSeconds: [],
  head: 10,
  rate: 5,
  ...fields,
});

describe('when work is taken', () => {
  it('at once what fits, then as workers get done', () => {
    // 2 workers take 20 at once and 10 a second from then on: 25 are taken after 5 / 10 s.
    expect(secondsUntil(stage(), 20)).toBe(0);
    expect(secondsUntil(stage(), 25)).toBeCloseTo(0.5);
  });

  it('by workers that start from when they are ready', () => {
    // 2 x 5/s for 3 s make 30 on top of 20; the third takes 10 at once, then 15 a second: 75 after 3 + 15 / 15 s.
    expect(secondsUntil(stage({ readyInSeconds: [3] }), 75)).toBeCloseTo(4);
    expect(secondsUntil(stage({ ready: 0, readyInSeconds: [7, 3] }), 5)).toBe(3);
  });

  it('never where nobody works or comes', () => {
    expect(secondsUntil(stage({ ready: 0 }), 1)).toBe(Number.POSITIVE_INFINITY);
    expect(secondsUntil(stage({ rate: 0 }), 21)).toBe(Number.POSITIVE_INFINITY);
  });

  it('at once by workers whose speed is not known', () => {
    const unknown = { head: Number.POSITIVE_INFINITY, rate: Number.POSITIVE_INFINITY };
    expect(secondsUntil(stage(unknown), 1e9)).toBe(0);
    expect(secondsUntil(stage({ ...unknown, ready: 0, readyInSeconds: [4] }), 1e9)).toBe(4);
  });

  it('no sooner where there is more, and no later where a worker more comes', () => {
    const stages = fc.record({
      ready: fc.nat(5),
      readyInSeconds: fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 4 }),
      head: fc.nat(50),
      rate: fc.double({ min: 0, max: 50, noNaN: true }),
    });
    fc.assert(
      fc.property(
        stages,
        fc.nat(500),
        fc.nat(500),
        fc.double({ min: 0, max: 100, noNaN: true }),
        (s, a, b, at) => {
          expect(secondsUntil(s, a + b)).toBeGreaterThanOrEqual(secondsUntil(s, a));
          const more = { ...s, readyInSeconds: [...s.readyInSeconds, at] };
          expect(secondsUntil(more, a)).toBeLessThanOrEqual(secondsUntil(s, a) + 1e-9);
        },
      ),
    );
  });
});

const OWN = { firstTokenSeconds: 0.1, decodeSeconds: 2 };
const sight = (fields: Partial<PoolSight> = {}): PoolSight => ({
  requests: stage(),
  prompts: stage({ head: 0, rate: 1000 }),
  running: 18,
  ahead: 0,
  tokensAhead: 0,
  ...fields,
});

describe('a prediction', () => {
  it('is of the slower of requests and prompts', () => {
    expect(predict(sight(), OWN, 0)).toEqual({
      startSeconds: 0,
      ttftSeconds: 0.1,
      finishSeconds: 2.1,
      startWithinSeconds: 0,
    });
    // The 24th of 20 places: 4 / 10 s. 1000 prompt tokens at 2 x 1000/s: 0.5 s.
    expect(predict(sight({ ahead: 5 }), OWN, 0).startSeconds).toBeCloseTo(0.4);
    expect(predict(sight({ ahead: 5, tokensAhead: 1000 }), OWN, 0).startSeconds).toBeCloseTo(0.5);
  });
});

describe('the time within which a turn comes', () => {
  it('is the quantile of as many Poisson events as requests have to end', () => {
    // 95 % of the times until 1, 2 and 8 events: 3.00, 4.74 and 13.15 mean gaps, here of 0.1 s.
    const z = normalQuantile(0.95);
    const within = (ends: number) => predict(sight({ ahead: 1 + ends }), OWN, z).startWithinSeconds;
    expect(within(0)).toBe(0);
    expect(within(1)).toBeCloseTo(0.3, 2);
    expect(within(2)).toBeCloseTo(0.474, 2);
    expect(within(8)).toBeCloseTo(1.315, 2);
  });
});

describe('a verdict', () => {
  const terms = { aimSeconds: 0.4, deadlineSeconds: null };
  const busy = { ready: 1, waiting: 50, waitingRoom: 10 };
  const at = (startSeconds: number, own = 0.1) => ({
    startSeconds,
    startWithinSeconds: startSeconds,
    ttftSeconds: startSeconds + own,
    finishSeconds: startSeconds + own + 2,
  });

  it('admits what is in time, and tells others how long the queue is too long', () => {
    expect(judge(at(0.3), 0.1, terms, busy)).toEqual({ kind: 'admit' });
    const late = judge(at(0.5), 0.1, terms, busy);
    expect(late).toMatchObject({ kind: 'refuse', why: 'late' });
    expect(late).toMatchObject({ waitSeconds: 0.5 });
    const unsure = { ...at(0.1), startWithinSeconds: 0.5 };
    expect(judge(unsure, 0.1, terms, busy)).toMatchObject({ why: 'late' });
  });

  it('admits what can wait, and what could not be in time even alone as long as its wait is within the aim', () => {
    expect(judge(at(9), 0.1, { ...terms, aimSeconds: null }, busy)).toEqual({ kind: 'admit' });
    expect(judge(at(0.3, 1), 1, terms, busy)).toEqual({ kind: 'admit' });
    expect(judge(at(0.6, 1), 1, terms, busy)).toMatchObject({ why: 'late' });
  });

  it('refuses at once what would expire before it starts', () => {
    const soon = { aimSeconds: null, deadlineSeconds: 5 };
    expect(judge(at(4.9), 0.1, soon, busy)).toEqual({ kind: 'admit' });
    expect(judge(at(7), 0.1, soon, busy)).toEqual({ kind: 'refuse', why: 'deadline', waitSeconds: 2 });
    expect(judge(at(7), 0.1, soon, { ready: 0, waiting: 0, waitingRoom: 10 })).toMatchObject({
      why: 'deadline',
    });
  });

  it('says of a deadline that is over already that waiting does not help', () => {
    const over = { aimSeconds: null, deadlineSeconds: -0.01 };
    const verdict = { kind: 'refuse', why: 'deadline', waitSeconds: Number.POSITIVE_INFINITY };
    expect(judge(at(0), 0.1, over, busy)).toEqual(verdict);
  });

  it('lets requests wait for the first worker while there is room', () => {
    const cold = { ready: 0, waiting: 9, waitingRoom: 10 };
    expect(judge(at(30), 0.1, terms, cold)).toEqual({ kind: 'admit' });
    expect(judge(at(30), 0.1, terms, { ...cold, waiting: 10 })).toEqual({
      kind: 'refuse',
      why: 'full',
      waitSeconds: 30,
    });
  });
});
