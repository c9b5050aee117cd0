import { describe, expect, it } from 'vitest';
import { workerCapacityRps } from '../../src/profile/capacity.js';
import { roundProfile } from '../support/profiles.js';
import { type NamedRequest, newCore, request } from '../support/sim.js';

const TARGET = {
  isl: 1000,
  osl: 101,
  ttftSeconds: 0.2,
  itlSeconds: 0.02,
  gpuMemoryUtilization: 0.9,
  maxSequences: 256,
};

/** Means over 3,000 Poisson arrivals of a fixed seed, seconds. */
function meansAt(rps: number): { ttft: number; itl: number } {
  const core = newCore({ tokenEvents: 'ends' });
  const at = new Map<NamedRequest, number>();
  const first = new Map<NamedRequest, number>();
  let seed = 5;
  let now = 0;
  let ttft = 0;
  let itl = 0;
  const requests = 3000;
  const runUntil = (until: number) => {
    for (let next = core.nextEventAt(); next !== null && next <= until; next = core.nextEventAt()) {
      for (const event of core.advance(next)) {
        if (event.type === 'token') first.set(event.request, event.atMs);
        if (event.type !== 'finished') continue;
        const firstMs = first.get(event.request) ?? Number.NaN;
        ttft += (firstMs - (at.get(event.request) ?? Number.NaN)) / 1000 / requests;
        itl += (event.atMs - firstMs) / (TARGET.osl - 1) / 1000 / requests;
      }
    }
  };
  for (let i = 0; i < requests; i++) {
    seed = (seed * 1_664_525 + 1_013_904_223) >>> 0;
    now += (-Math.log(1 - seed / 2 ** 32) * 1000) / rps;
    runUntil(now);
    const one = request(`r${i}`, { isl: TARGET.isl, maxTokens: TARGET.osl });
    at.set(one, now);
    core.submit(one, now);
  }
  runUntil(Number.POSITIVE_INFINITY);
  return { ttft, itl };
}

describe('the capacity formula against the core', () => {
  const capacity = workerCapacityRps(roundProfile, 1, TARGET);

  it('names a rate that the engine sustains within both targets', () => {
    const { ttft, itl } = meansAt(0.9 * capacity);
    expect(ttft).toBeLessThan(TARGET.ttftSeconds);
    expect(itl).toBeLessThan(TARGET.itlSeconds);
  });

  it('is not timid: a third more breaks a target', () => {
    const { ttft, itl } = meansAt(1.33 * capacity);
    expect(ttft > TARGET.ttftSeconds || itl > TARGET.itlSeconds).toBe(true);
  });
});
