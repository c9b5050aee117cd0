import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../src/config/load.js';
import { workerCapacityRps } from '../../src/profile/capacity.js';
import { ttftSeconds } from '../../src/profile/law.js';
import { loadProfile } from '../../src/profile/load.js';
import { profileWithBlocks } from '../support/profiles.js';
import { driveToEnd, newCore, request } from '../support/sim.js';
import { poisson } from '../support/sim-load.js';

describe('room', () => {
  it('is limited by free sequences', () => {
    const core = newCore({ maxSequences: 3 });
    expect(core.room(10)).toBe(3);
    core.submit(request('a', { isl: 10, maxTokens: 5 }), 0);
    expect(core.room(10)).toBe(2);
    expect(core.load()).toMatchObject({ waitingSequences: 1, runningSequences: 0, waitingPrefillTokens: 10 });
  });

  it('is limited by the KV blocks that accepted requests will not grow into', () => {
    const core = newCore({ profile: profileWithBlocks(20), maxSequences: 64 });
    core.submit(request('a', { isl: 16, maxTokens: 145 }), 0);
    expect(core.room(32)).toBe(5);
    core.advance(11);
    expect(core.load().usedKvBlocks).toBe(2);
    expect(core.room(32)).toBe(5);
  });

  it('counts cached blocks that nobody uses as free', () => {
    const core = newCore({ profile: profileWithBlocks(20), maxSequences: 64 });
    const all = core.room(32);
    core.submit(request('a', { isl: 160, maxTokens: 1, hashes: [1, 2, 3, 4, 5, 6, 7, 8, 9] }), 0);
    driveToEnd(core);
    expect(core.room(32)).toBe(all);
  });

  it('is none once the prompts that wait fill two steps, and comes back as they are computed', () => {
    const core = newCore({ maxBatchedTokens: 1024, maxSequences: 64 });
    for (let i = 0; i < 3; i++) core.submit(request(`r${i}`, { isl: 1000, maxTokens: 2 }), 0);
    expect(core.room(1000)).toBe(0);
    const changes = core.roomChanges;
    core.advance(45);
    expect(core.room(1000)).toBeGreaterThan(0);
    expect(core.roomChanges).toBeGreaterThan(changes);
  });

  it('is one for an idle engine whatever the size, so that a hopeless request is refused and not left waiting', () => {
    expect(newCore({ profile: profileWithBlocks(4) }).room(100_000)).toBe(1);
  });
});

describe('late binding by room, on a worker of the high preset', () => {
  const pool = defaultConfig().pools.high;
  if (pool?.engine.kind !== 'sim') throw new Error('the high preset has a sim engine');
  const { maxSequences, maxBatchedTokens } = pool.engine;
  const { gpuMemoryUtilization, targets } = pool;
  const profile = loadProfile(pool.engine.profile);
  const options = { profile, tp: 2, gpuMemoryUtilization, maxSequences, maxBatchedTokens };

  it.each([
    ['expected', 2000, 150],
    ['Azure-like', 1100, 260],
  ])('starves no batch and holds up no prompt: %s lengths', (_name, isl, osl) => {
    const limits = { gpuMemoryUtilization, maxSequences, maxBatchedTokens };
    const capacity = workerCapacityRps(profile, 2, { ...targets, ...limits, isl, osl });
    const run = (share: number, feed: 'room' | 'all') =>
      poisson(options, { isl, osl, rps: share * capacity, requests: 2000, feed });
    for (const share of [0.9, 1.2]) {
      expect(run(share, 'room').rps).toBeGreaterThan(0.98 * run(share, 'all').rps);
    }
    expect(run(0.7, 'room').ttft).toBeLessThan(2 * ttftSeconds(profile, 2, isl));
  });
});
