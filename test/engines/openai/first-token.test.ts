import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Beside, FirstTokenForecast } from '../../../src/engines/openai/first-token.js';
import { lawFor } from '../../../src/profile/law.js';
import { exponential, seededRandom } from '../../../src/simulator/workload/random.js';
import { roundProfile } from '../../support/profiles.js';
import { newCore, request } from '../../support/sim.js';

const law = lawFor(roundProfile, 1);
const BUDGET = 2048;
const IDLE: Beside = { sequences: 0, kvTokens: 0, waiting: 0 };

/** Requests at `rps` on a sim engine core, in virtual time: what was predicted when each was sent, and what it took, ms. */
function drive(rps: number, seed: number, count: number): { predicted: number; took: number; isl: number }[] {
  const core = newCore({ maxBatchedTokens: BUDGET, maxSequences: 64 });
  const forecast = new FirstTokenForecast(law, BUDGET);
  const random = seededRandom(seed);
  const held = new Map<string, { isl: number; made: number; atMs: number; predicted: number }>();
  const seen: { predicted: number; took: number; isl: number }[] = [];
  const beside = (): Beside => {
    const decoding = [...held.values()].filter(({ made }) => made > 0);
    const kvTokens = decoding.reduce((sum, { isl, made }) => sum + isl + made, 0);
    return { sequences: decoding.length, kvTokens, waiting: 0 };
  };
  const advance = (untilMs: number) => {
    for (let at = core.nextEventAt(); at !== null && at <= untilMs; at = core.nextEventAt()) {
      for (const event of core.advance(at)) {
        const one = held.get(event.request.id);
        if (one === undefined) continue;
        if (event.type === 'token' && one.made++ === 0) {
          forecast.came(one, beside(), event.atMs);
          seen.push({ predicted: one.predicted, took: event.atMs - one.atMs, isl: one.isl });
        } else if (event.type === 'finished') held.delete(event.request.id);
      }
    }
  };
  let now = 1000;
  for (let k = 0; k < count; k++) {
    now += exponential(random, 1000 / rps);
    advance(now);
    const isl = Math.ceil(100 + random() ** 3 * 6000);
    const one = { isl, made: 0, atMs: now, predicted: forecast.afterMs(isl, beside(), now) };
    forecast.sent(one, isl, beside(), now);
    held.set(`r${k}`, one);
    core.submit(request(`r${k}`, { isl, maxTokens: 1 + Math.ceil(random() * 60) }), now);
  }
  advance(now + 60_000);
  return seen;
}

function quantile(values: number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN;
}

describe('the forecast of first tokens', () => {
  it('is what a lone prompt takes by the law', () => {
    const forecast = new FirstTokenForecast(law, BUDGET);
    // Front end 6 ms; 1000 tokens at 20 us and 1 ns a squared token; one step of 4 ms.
    expect(forecast.afterMs(1000, IDLE, 0)).toBeCloseTo(6 + 20 + 1 + 4, 6);
    // Three steps of 2048 tokens.
    expect(forecast.afterMs(5000, IDLE, 0)).toBeCloseTo(6 + 100 + 25 + 3 * 4, 6);
  });

  it('foretells what the sim engine does, from light load to more than it can do', () => {
    for (const [rps, seed] of [
      [2, 1],
      [10, 2],
      [16, 3],
      [24, 4],
    ] as const) {
      const seen = drive(rps, seed, 400);
      expect(seen).toHaveLength(400);
      const errors = seen.map(({ predicted, took }) => Math.abs(predicted - took) / took);
      expect({ rps, median: quantile(errors, 0.5) < 0.12, p90: quantile(errors, 0.9) < 0.4 }).toEqual({
        rps,
        median: true,
        p90: true,
      });
    }
  });

  it('counts the prompts of others that wait, and what decodes', () => {
    const forecast = new FirstTokenForecast(law, BUDGET);
    const alone = forecast.afterMs(1000, IDLE, 0);
    const behind = forecast.afterMs(1000, { ...IDLE, waiting: 3 }, 0);
    expect(behind - alone).toBeGreaterThan(3 * 21 - 6);
    expect(forecast.afterMs(1000, { sequences: 40, kvTokens: 40_000, waiting: 0 }, 0)).toBeGreaterThan(alone);
  });

  it('learns how far the engine is from its law, within bounds, and forgets it without requests', () => {
    for (const [times, least, most] of [
      [0.5, 0.4, 0.6],
      [0.01, 0.25, 0.26],
      [1.5, 1.35, 1.6],
      [50, 1.95, 2],
    ] as const) {
      const forecast = new FirstTokenForecast(law, BUDGET);
      const plain = forecast.afterMs(1000, IDLE, 0);
      let now = 0;
      for (let k = 0; k < 100; k++) {
        const one = {};
        forecast.sent(one, 1000, IDLE, now);
        now += plain * times;
        forecast.came(one, IDLE, now);
      }
      const factor = forecast.afterMs(1000, IDLE, now) / plain;
      expect(factor).toBeGreaterThanOrEqual(least);
      expect(factor).toBeLessThanOrEqual(most);
      expect(forecast.afterMs(1000, IDLE, now + 3_600_000) / plain).toBeCloseTo(1, 3);
    }
  });

  it('forgets a request that ended without a token, and is never negative or unknown', () => {
    const forecast = new FirstTokenForecast(law, BUDGET);
    const alone = forecast.afterMs(500, IDLE, 0);
    const held = Array.from({ length: 20 }, () => ({}));
    for (const one of held) forecast.sent(one, 4000, IDLE, 0);
    expect(forecast.afterMs(500, IDLE, 0)).toBeGreaterThan(20 * 90);
    for (const one of held) forecast.gone(one, IDLE, 1);
    expect(forecast.afterMs(500, IDLE, 1)).toBeCloseTo(alone, 6);
    const action = fc.record({
      what: fc.constantFrom('sent', 'came', 'gone'),
      which: fc.nat(5),
      tokens: fc.integer({ min: 0, max: 1_000_000 }),
      sequences: fc.nat(5000),
      afterMs: fc.nat(100_000),
    });
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const other = new FirstTokenForecast(law, BUDGET);
        let now = 0;
        for (const { what, which, tokens, sequences, afterMs } of actions) {
          const beside = { sequences, kvTokens: sequences * 100, waiting: which };
          now += afterMs;
          const one = held[which]!;
          if (what === 'sent') other.sent(one, tokens, beside, now);
          else other[what](one, beside, now);
          const after = other.afterMs(tokens, beside, now);
          expect(Number.isFinite(after) && after >= 0).toBe(true);
        }
      }),
    );
  });
});
