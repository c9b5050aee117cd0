import { describe, expect, it } from 'vitest';
import { onePool, run, steady } from './support.js';

const engine = { coldStartSeconds: 10 };
const pool = 'medium';

describe('faults in virtual time', () => {
  it('a worker that dies unseen: its lease runs out, another starts, its requests run again', () => {
    const config = onePool({ minWorkers: 2, maxWorkers: 2 }, engine);
    const faults = [{ kind: 'worker_death' as const, pool, atSeconds: 60.2, noticed: false }];
    const { result } = run(config, steady(20, 180, 1), { faults, intervalSeconds: 1 });
    const { tally, series } = result.pools.medium!;
    expect(tally).toMatchObject({ lost: 0, failed: 0, completed: tally.requests });
    const leased = (at: number) => series.find((row) => row.atSeconds === at)?.leasedGpus;
    // Lease of 10 s after the last beat, then a back-off of 1 s without a lease, then a cold start of 10 s.
    expect(leased(65)).toBe(2);
    expect(series.slice(60, 75).some((row) => row.leasedGpus === 1)).toBe(true);
    const ready = (from: number, to: number) => series.slice(from, to).map((row) => row.readyWorkers);
    expect(Math.min(...ready(72, 80))).toBe(1);
    expect(ready(85, 90)).toEqual([2, 2, 2, 2, 2]);
    const clean = run(config, steady(20, 180, 1)).result.pools.medium!.tally;
    expect(tally.ttftSeconds.p99!).toBeGreaterThanOrEqual(clean.ttftSeconds.p99!);
    expect(tally.attained).toBeLessThan(clean.attained);
  });

  it('a death that is seen gives the GPU back at once', () => {
    const config = onePool({ minWorkers: 2, maxWorkers: 2 }, engine);
    const faults = [{ kind: 'worker_death' as const, pool, atSeconds: 60.2, noticed: true }];
    const { result } = run(config, steady(5, 120, 1), { faults, intervalSeconds: 1 });
    const { series, tally } = result.pools.medium!;
    expect(series.find((row) => row.atSeconds === 60)?.leasedGpus).toBe(1);
    expect(series.find((row) => row.atSeconds === 73)?.readyWorkers).toBe(2);
    expect(tally.lost).toBe(0);
  });

  it('a slow GPU makes tokens come slower while it lasts', () => {
    const config = onePool({ maxWorkers: 1 }, engine);
    const faults = [{ kind: 'slow_gpu' as const, pool, atSeconds: 60, factor: 3, forSeconds: 60 }];
    // Each request is alone: TTFT 31 ms and ITL 4.09 ms by the law (simulate.test.ts), three times that while it is slow.
    const alone = Array.from({ length: 180 }, (_, atSeconds) => ({
      atSeconds: atSeconds + 0.5,
      isl: 1000,
      osl: 11,
      level: 'medium',
    }));
    const { tally, series } = run(config, alone, { faults }).result.pools.medium!;
    expect(tally.ttftSeconds.p50).toBeCloseTo(0.031, 6);
    expect(tally.ttftSeconds.p80).toBeCloseTo(0.093, 6);
    expect(tally.itlSeconds.p99).toBeCloseTo(3 * 0.00409018, 6);
    const [before, during, after] = series.map((row) => row.ttftSeconds ?? 0);
    expect(during! / before!).toBeCloseTo(3, 1);
    expect(after).toBe(before);
  });

  it('a slow GPU of an odd factor ends like any other: no event is waited for for ever', () => {
    const config = onePool({ maxWorkers: 1 }, engine);
    for (const factor of [1.1, 1.7, 0.5, 0.001]) {
      const faults = [{ kind: 'slow_gpu' as const, pool, atSeconds: 10.3, factor, forSeconds: 47.7 }];
      const { tally } = run(config, steady(5, 120, 1), { faults }).result.pools.medium!;
      expect(tally.completed).toBe(tally.requests);
    }
  });

  it('faults of one kind that overlap last until the last of them ends', () => {
    const alone = Array.from({ length: 180 }, (_, k) => ({
      atSeconds: k + 0.5,
      isl: 1000,
      osl: 11,
      level: 'medium',
    }));
    const once = onePool({ maxWorkers: 1 }, engine);
    const slow = { kind: 'slow_gpu' as const, pool };
    const slowed = run(once, alone, {
      faults: [
        { ...slow, atSeconds: 30, factor: 2, forSeconds: 90 },
        { ...slow, atSeconds: 60, factor: 3, forSeconds: 30 },
      ],
      intervalSeconds: 30,
    }).result.pools.medium!;
    const paces = slowed.series.map((row) => Math.round((row.ttftSeconds ?? 0) / 0.031));
    expect(paces.slice(0, 6)).toEqual([1, 2, 3, 2, 1, 1]);

    const gap = { kind: 'telemetry_gap' as const, pool };
    const { records } = run(onePool({}, engine), steady(5, 400, 1), {
      faults: [
        { ...gap, atSeconds: 20, forSeconds: 300 },
        { ...gap, atSeconds: 100, forSeconds: 50 },
      ],
    });
    const entries = records.filter(({ to }) => to === 'degraded');
    expect(entries).toHaveLength(1);
    const left = records.find(({ from, to }) => from === 'degraded' && to !== 'degraded')!;
    expect(left.atMs - entries[0]!.atMs).toBeGreaterThan(280_000);

    const failing = { kind: 'failed_cold_start' as const, pool };
    const { series } = run(once, steady(2, 150, 1), {
      faults: [
        { ...failing, atSeconds: 0, forSeconds: 100 },
        { ...failing, atSeconds: 10, forSeconds: 5 },
        { kind: 'worker_death' as const, pool, atSeconds: 20, noticed: true },
      ],
      intervalSeconds: 10,
    }).result.pools.medium!;
    const ready = (at: number) => series.find((row) => row.atSeconds === at)?.readyWorkers;
    expect([ready(50), ready(80)]).toEqual([0, 0]);
  });

  it('a telemetry gap of five minutes: degraded is entered and left, nothing is taken away meanwhile', () => {
    const config = onePool({ costOptimization: true, minWorkers: 0, idleAfterSeconds: 30 }, engine);
    // The load falls to nothing just when nobody can see it any more.
    const requests = [...steady(40, 120, 2), { atSeconds: 900, isl: 10, osl: 2, level: 'medium' }];
    const faults = [{ kind: 'telemetry_gap' as const, pool, atSeconds: 118, forSeconds: 300 }];
    const { result, records } = run(config, requests, { faults });
    const begin = records[0]!.atMs;
    const origin = 864_000_000;
    const loadBegin = origin + 13_000;
    expect(begin).toBeGreaterThanOrEqual(origin);
    const seconds = (atMs: number) => (atMs - loadBegin) / 1000;
    const entered = records.find(({ to }) => to === 'degraded');
    const left = records.find(({ from, to }) => from === 'degraded' && to !== 'degraded');
    expect(seconds(entered!.atMs)).toBeGreaterThan(118);
    expect(seconds(entered!.atMs)).toBeLessThan(118 + 15);
    expect(entered!.reason).toMatch(/hold: telemetry is .* s old, stale after 10 s/);
    expect(seconds(left!.atMs)).toBeGreaterThanOrEqual(418);
    expect(seconds(left!.atMs)).toBeLessThan(418 + 3);
    const held = result.pools.medium!.series.filter((row) => row.atSeconds >= 120 && row.atSeconds < 360);
    expect(new Set(held.map((row) => row.leasedGpus)).size).toBe(1);
    expect(held[0]!.leasedGpus).toBeGreaterThan(1);
    expect(held.every((row) => row.state === 'degraded')).toBe(true);
    // Seeing again, it finds no traffic and goes to its floor.
    expect(result.pools.medium!.series.find((row) => row.atSeconds === 600)?.leasedGpus).toBe(0);
    expect(result.pools.medium!.tally.lost).toBe(0);
  });

  it('cold starts that fail: started again after a growing wait, and the pool serves in the end', () => {
    const config = onePool({ minWorkers: 1 }, engine);
    const faults = [
      { kind: 'failed_cold_start' as const, pool, atSeconds: 50, forSeconds: 40 },
      { kind: 'worker_death' as const, pool, atSeconds: 60, noticed: true },
    ];
    const { result } = run(config, steady(2, 200, 1), { faults, intervalSeconds: 1 });
    const { tally, series } = result.pools.medium!;
    expect(tally).toMatchObject({ lost: 0, completed: tally.requests });
    // Death at 60, start after 1 s, fails at 71, start after 2 s, fails at 83, start after 4 s at 87, fails at 97, ...
    const ready = series.filter((row) => row.atSeconds > 60 && row.readyWorkers > 0)[0];
    expect(ready!.atSeconds).toBeGreaterThan(97);
    expect(ready!.atSeconds).toBeLessThan(125);
  });
});
