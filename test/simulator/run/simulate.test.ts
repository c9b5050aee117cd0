import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simulatedReport } from '../../../src/cli/report/simulated.js';
import { SimCore } from '../../../src/engines/sim/core.js';
import { roundProfile } from '../../support/profiles.js';
import { request as coreRequest, type NamedRequest } from '../../support/sim.js';
import { onePool, run, steady } from './support.js';

const at = (atSeconds: number, isl: number, osl: number) => ({ atSeconds, isl, osl, level: 'medium' });

describe('a simulation', () => {
  it('gives lone requests the latency of the step law', () => {
    // Front end a0 - b0 = 6 ms, then one step b0 + a1 n + a2 n^2 = 4 + 20 + 1 ms: TTFT 31 ms. Each of the 10 decode
    // steps takes b0 + b1 + b2 kv = 4.05 ms + 40 ns x 1000 .. 1009 tokens, 4.05 + 0.04018 ms on average.
    const { result } = run(onePool(), [at(0, 1000, 11), at(1, 1000, 11), at(2, 1000, 11)]);
    const { tally } = result.pools.medium!;
    expect(tally).toMatchObject({ requests: 3, completed: 3, lost: 0, attained: 3 });
    expect(tally.ttftSeconds.mean).toBeCloseTo(0.031, 6);
    expect(tally.itlSeconds.mean).toBeCloseTo(0.00409018, 6);
    expect(tally.tokens).toEqual({ delivered: 33, duplicated: 0, missing: 0 });
    expect(result.wallSeconds).toBeCloseTo(2 + 0.031 + 0.0409018, 5);
  });

  it('computes prompts of one moment in one step, and adds the time of the queue', () => {
    // 6 ms of front end and a step of 4 + 2 x 21 ms, after 2 ms on the way.
    const { result } = run(onePool(), [at(0, 1000, 1), at(0, 1000, 1)], { dispatchSeconds: 0.002 });
    const { ttftSeconds, itlSeconds } = result.pools.medium!.tally;
    expect(ttftSeconds.mean).toBeCloseTo(0.054, 6);
    expect(itlSeconds.mean).toBeNull();
  });

  it('lets what does not fit wait, and serves it in order of deadline', () => {
    // One sequence at a time: the second waits for the whole of the first, 31 ms + 9 steps of about 4.09 ms.
    const config = onePool({ maxWorkers: 1 }, { maxSequences: 1 });
    const { result } = run(config, [at(0, 1000, 10), at(0.001, 1000, 10)]);
    const { ttftSeconds } = result.pools.medium!.tally;
    const first = 0.031 + 9 * 0.00405 + 40e-9 * (9 * 1000 + 36);
    expect(ttftSeconds.p50).toBeCloseTo(0.031, 5);
    expect(ttftSeconds.p99).toBeCloseTo(first - 0.001 + 0.031, 5);
  });

  it('refuses what is beyond the limits and fails what can never fit, without losing it', () => {
    const config = onePool();
    const small = { ...config, limits: { maxPromptTokens: 5000, maxOutputTokens: 100 } };
    const { result } = run(small, [at(0, 5001, 1), at(0, 10, 101), at(1, 100, 10)]);
    expect(result.pools.medium!.tally).toMatchObject({ requests: 3, failed: 2, completed: 1, lost: 0 });
  });

  it('weighs attainment by tokens: a long prompt that is refused is a tenth of the requests and most of the tokens', () => {
    const config = onePool();
    const isl = config.limits.maxPromptTokens + 1;
    const load = Array.from({ length: 10 }, (_, k) => ({
      atSeconds: 10 * k,
      isl: k === 4 ? isl : 1000,
      osl: 50,
    }));
    const report = simulatedReport(config, run(config, load).result);
    const inTime = 9 * 1050;
    expect(report.pools.medium).toMatchObject({ requests: 10, attainment: 0.9 });
    expect(report.pools.medium?.tokenAttainment).toBeCloseTo(inTime / (inTime + isl + 50), 12);
    expect(report.total.goodputTokensPerSecond).toBeCloseTo(inTime / report.total.wallSeconds, 9);
  });

  it('ends a request that waited too long as expired', () => {
    const config = onePool({ queueTimeoutSeconds: 0.01, maxWorkers: 1 }, { maxSequences: 1 });
    const { result } = run(config, [at(0, 1000, 100), at(0.001, 1000, 100)]);
    expect(result.pools.medium!.tally).toMatchObject({ completed: 1, expired: 1, lost: 0 });
  });

  it('counts GPU time from the begin of the load, with the floor ready', () => {
    const { result } = run(onePool(), [at(0, 1000, 11)], { durationSeconds: 100 });
    expect(result.wallSeconds).toBe(100);
    expect(result.pools.medium!.figures.gpuSeconds).toBeCloseTo(100, 6);
    const report = simulatedReport(onePool(), result);
    expect(report.total).toMatchObject({ requests: 1, completed: 1, lost: 0, maxGpus: 1, attainment: 1 });
    expect(report.pools.medium).toMatchObject({ gpuHours: 100 / 3600, cancelled: 0 });
  });

  it('makes the first requests wait where the floors start with the load', () => {
    const { result } = run(onePool({}, { coldStartSeconds: 20 }), [at(0, 1000, 1)], { coldBegin: true });
    expect(result.pools.medium!.tally.ttftSeconds.mean).toBeGreaterThan(20);
  });

  it('gives the same report for the same seed and another for another', () => {
    const config = onePool({ costOptimization: true }, { coldStartSeconds: 10 });
    const once = (seed: number) => JSON.stringify(run(config, steady(30, 300, seed)));
    expect(once(1)).toBe(once(1));
    expect(once(1)).not.toBe(once(2));
  });

  it('scales up under load and down after it, by orders of the live planner', () => {
    const rate = [...steady(40, 200, 3), { ...at(200, 10, 2) }, { ...at(600, 10, 2) }];
    const { result, records } = run(onePool({ costOptimization: true }, { coldStartSeconds: 10 }), rate);
    const { figures, series } = result.pools.medium!;
    expect(figures.maxGpus).toBeGreaterThan(1);
    expect(records.map(({ to }) => to)).toEqual(expect.arrayContaining(['scaleUp', 'steady']));
    expect(series.at(-2)?.leasedGpus).toBeLessThan(figures.maxGpus);
    const hours = series.reduce((sum, row) => sum + row.gpuHours, 0);
    expect(hours).toBeCloseTo(figures.gpuSeconds / 3600, 9);
    expect(series.reduce((sum, row) => sum + row.arrivals, 0)).toBe(result.pools.medium!.tally.requests);
    expect(series.reduce((sum, row) => sum + row.attained, 0)).toBe(result.pools.medium!.tally.attained);
  });

  it('serves long prompts in two halves where the pool is disaggregated', () => {
    const disaggregation = { enabled: true, minPromptTokens: 500, prefillWorkers: 1 };
    const config = onePool({ disaggregation });
    // 31 ms for the prompt; the KV of 1000 tokens moves at 40 GB/s in 2.5 ms, after the front end of 6 ms.
    const { result } = run(config, [at(10, 1000, 3), at(20, 1000, 1), at(30, 100, 2)]);
    const { tally } = result.pools.medium!;
    expect(tally).toMatchObject({ completed: 3, lost: 0 });
    expect(tally.ttftSeconds.p99).toBeCloseTo(0.031, 5);
    expect(tally.itlSeconds.p99).toBeGreaterThan((0.006 + 0.0025) / 2);
    expect(result.pools.medium!.figures.maxGpus).toBe(2);
  });

  it('names a level that no pool serves', () => {
    const gold = { atSeconds: 0, isl: 1, osl: 1, level: 'gold' };
    expect(() => run(onePool(), [gold])).toThrow(/expected an SLO level of medium, got "gold"/);
  });

  it('ends every request once, whatever comes and whatever breaks', () => {
    const requests = fc
      .array(
        fc.record({
          atSeconds: fc.double({ min: 0, max: 60, noNaN: true }),
          isl: fc.integer({ min: 1, max: 9000 }),
          osl: fc.integer({ min: 1, max: 200 }),
          level: fc.constant('medium'),
        }),
        { minLength: 1, maxLength: 60 },
      )
      .map((rows) => rows.sort((a, b) => a.atSeconds - b.atSeconds));
    const when = { atSeconds: fc.integer({ min: 0, max: 60 }), pool: fc.constant('medium') };
    const forSeconds = fc.integer({ min: 1, max: 30 });
    const faults = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('worker_death' as const), ...when, noticed: fc.boolean() }),
        fc.record({
          kind: fc.constant('slow_gpu' as const),
          ...when,
          factor: fc.constantFrom(2, 10),
          forSeconds,
        }),
        fc.record({ kind: fc.constant('telemetry_gap' as const), ...when, forSeconds }),
        fc.record({ kind: fc.constant('failed_cold_start' as const), ...when, forSeconds }),
      ),
      { maxLength: 4 },
    );
    const shapes = fc.record({
      maxWorkers: fc.integer({ min: 1, max: 4 }),
      minWorkers: fc.constantFrom(0, 1),
      costOptimization: fc.boolean(),
      queueTimeoutSeconds: fc.constantFrom(null, 5),
      idleAfterSeconds: fc.constantFrom(5, 60),
    });
    fc.assert(
      fc.property(requests, faults, shapes, (rows, broken, shape) => {
        const { result } = run(onePool(shape, { maxSequences: 4 }), rows, { faults: broken });
        const { tally, figures } = result.pools.medium!;
        expect(tally.requests).toBe(rows.length);
        expect(tally.completed + tally.expired + tally.failed).toBe(rows.length);
        expect(tally.lost).toBe(0);
        expect(figures.maxGpus).toBeLessThanOrEqual(shape.maxWorkers);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the simulated worker', () => {
  it('serves a Poisson load as the engine core does when it is driven directly', () => {
    const load = [...steady(20, 400, 7)];
    const core = new SimCore<NamedRequest>({
      profile: roundProfile,
      tp: 1,
      gpuMemoryUtilization: 0.9,
      maxSequences: 256,
      maxBatchedTokens: 8192,
      coldStartMs: 0,
      tokenEvents: 'ends',
    });
    core.start(0);
    let ttft = 0;
    let busyUntil = 0;
    const take = (nowMs: number) => {
      for (const event of core.advance(nowMs)) {
        if (event.type === 'token') ttft += event.atMs - Number(event.request.id);
        else busyUntil = event.atMs;
      }
    };
    for (const one of load) {
      const nowMs = one.atSeconds * 1000;
      for (let next = core.nextEventAt(); next !== null && next < nowMs; next = core.nextEventAt())
        take(next);
      core.submit(coreRequest(String(nowMs), { isl: one.isl, maxTokens: one.osl }), nowMs);
    }
    for (let next = core.nextEventAt(); next !== null; next = core.nextEventAt()) take(next);

    const { result } = run(onePool({ maxWorkers: 1 }), load);
    const { tally } = result.pools.medium!;
    const mean = ttft / 1000 / load.length;
    // The queue in front lets a request in only while the engine has room, which under this load it has.
    expect(Math.abs((tally.ttftSeconds.mean ?? 0) / mean - 1)).toBeLessThan(0.01);
    expect(result.wallSeconds).toBeCloseTo(busyUntil / 1000, 3);
  });
});
