import { describe, expect, it } from 'vitest';
import { buildReport, type RunFigures } from '../../src/cli/report/build.js';
import { latencyFigures, percentile } from '../../src/cli/report/percentiles.js';
import { renderFailures, renderReport } from '../../src/cli/report/render.js';
import { keptPromise } from '../../src/cli/report/verdict.js';
import type { PlannerState } from '../../src/contract/transition.js';
import type { RequestRecord } from '../../src/simulator/load/record.js';
import { type PlannerStep, plannerActivity } from '../../src/telemetry/activity.js';
import { testConfig as config } from '../support/report-config.js';

const record = (over: Partial<RequestRecord>): RequestRecord => ({
  index: 0,
  level: 'high',
  pool: 'high',
  dueSeconds: 0,
  lateSeconds: 0,
  acceptedAtMs: 0,
  endedAtMs: 0,
  end: 'completed',
  code: null,
  message: null,
  ttftSeconds: 0.1,
  itlSeconds: 0.01,
  relegated: false,
  attained: true,
  workTokens: 110,
  client: { ttftSeconds: 0.1, itlSeconds: 0.01 },
  tokens: { delivered: 10, duplicated: 0, missing: 0 },
  ...over,
});

const refused = { end: 'failed', pool: null, attained: false, ttftSeconds: null, itlSeconds: null } as const;
const figures: RunFigures = {
  pools: {
    high: { gpuSeconds: 360, maxGpus: 4, start: { state: 'idle', ordered: 1 }, steps: [] },
    low: { gpuSeconds: 90, maxGpus: 1, start: { state: null, ordered: null }, steps: [] },
  },
  maxGpus: 5,
  seconds: 190,
};

describe('latency figures', () => {
  it('are exact by nearest rank: of 1..10, p50 is 5, p95 and p99 are 10', () => {
    const samples = [10, 1, 9, 2, 8, 3, 7, 4, 6, 5];
    expect(latencyFigures(samples)).toEqual({ mean: 5.5, p50: 5, p80: 8, p90: 9, p95: 10, p99: 10 });
  });

  it('are null without a sample', () => {
    expect(latencyFigures([])).toEqual({ mean: null, p50: null, p80: null, p90: null, p95: null, p99: null });
    expect(percentile([3], 1)).toBe(3);
  });
});

describe('planner activity', () => {
  const step = (atSeconds: number, ordered: number | null, to: PlannerState = 'steady'): PlannerStep => ({
    atMs: atSeconds * 1000,
    from: 'steady',
    to,
    reason: '',
    ordered,
  });

  it('counts orders for more and for fewer workers, and no order that repeats the last', () => {
    const steps = [step(0, 2), step(1, 2), step(2, null), step(20, 3), step(40, 1)];
    expect(plannerActivity({ state: 'idle', ordered: 1 }, steps, 10)).toEqual({
      scaleUps: 2,
      scaleDowns: 1,
      reversals: 0,
      statesVisited: ['idle', 'steady'],
    });
  });

  it('counts a reversal only where an action is turned around within the time given', () => {
    const start = { state: null, ordered: 1 };
    expect(plannerActivity(start, [step(0, 2), step(10, 1), step(21, 2)], 10).reversals).toBe(1);
    expect(plannerActivity(start, [step(0, 2), step(5, 3)], 10).reversals).toBe(0);
  });

  it('lists states in the order of their table, the one at the start among them', () => {
    const steps = [step(0, null, 'burstProtect'), step(1, null, 'scaleUp')];
    expect(plannerActivity({ state: 'idle', ordered: 0 }, steps, 10).statesVisited).toEqual([
      'idle',
      'steady',
      'scaleUp',
      'burstProtect',
    ]);
  });
});

describe('the run report', () => {
  const records = [
    record({}),
    record({
      attained: false,
      workTokens: 890,
      ttftSeconds: 0.5,
      tokens: { delivered: 10, duplicated: 1, missing: 2 },
    }),
    record({ end: 'lost', attained: false, ttftSeconds: null, itlSeconds: null }),
    record(refused),
    record({ ...refused, level: null }),
  ];
  const report = buildReport(config, records, figures, 180, false);

  it('holds attainment over all who asked, refused and lost ones included', () => {
    expect(report.pools.high).toMatchObject({
      requests: 4,
      completed: 2,
      failed: 1,
      lost: 1,
      attainment: 0.25,
      ttftSeconds: { mean: 0.3, p50: 0.1, p95: 0.5 },
    });
    // Refused without a level: it counts where the default level's requests go.
    expect(report.pools.low).toMatchObject({ requests: 1, failed: 1, attainment: 0 });
    expect(report.total).toMatchObject({
      requests: 5,
      lost: 1,
      attainment: 0.2,
      tokens: { delivered: 50, duplicated: 1, missing: 2 },
    });
  });

  it('weighs attainment and goodput by the tokens asked for, too', () => {
    // 110 of 110 + 890 + 110 + 110, and of another 110 in the other pool; over 180 s.
    expect(report.pools.high?.tokenAttainment).toBeCloseTo(110 / 1220, 12);
    expect(report.total.tokenAttainment).toBeCloseTo(110 / 1330, 12);
    expect(report.total.goodputTokensPerSecond).toBeCloseTo(110 / 180, 12);
    expect(renderReport(report, config)).toMatch(/^ +weighed by tokens +9\.0 % +0\.0 % +8\.3 %$/m);
  });

  it('prices GPU-hours and compares them with full provisioning', () => {
    // 360 GPU-seconds are 0.1 h at 2 USD; static: (4 + 1) GPUs x the 190 s of the ledger = 0.2639 h; goodput 1 attained / 180 s.
    expect(report.pools.high).toMatchObject({ gpuHours: 0.1, costUsd: 0.2, maxGpus: 4 });
    expect(report.pools.high?.staticGpuHours).toBeCloseTo((4 * 190) / 3600, 12);
    expect(report.total.gpuHours).toBeCloseTo(0.125, 12);
    expect(report.total.staticGpuHours).toBeCloseTo((5 * 190) / 3600, 12);
    expect(report.total.goodputRps).toBeCloseTo(1 / 180, 12);
    expect(report.total.maxGpus).toBe(5);
  });

  it('is an attainment of 1 for a pool that nobody asked', () => {
    const quiet = buildReport(config, [record({})], figures, 1, false).pools.low;
    expect(quiet).toMatchObject({ requests: 0, attainment: 1 });
  });

  it('keeps a promise up to the violations allowed and not beyond', () => {
    const high = report.pools.high!;
    expect(keptPromise({ ...high, attainment: 0.95 })).toBe(true);
    expect(keptPromise({ ...high, attainment: 0.9499 })).toBe(false);
  });

  it('reads as one table with a verdict for each pool', () => {
    const text = renderReport(report, config);
    expect(text).toMatch(/^requests +4 +1 +5$/m);
    expect(text).toMatch(
      /^high: BROKE ITS PROMISE: 75\.0 % of 4 requests missed TTFT 0\.3 s or ITL 0\.03 s, 5\.0 % allowed/m,
    );
    expect(text).toMatch(/^lost 1; tokens delivered 50, twice 1, missing 2$/m);
    expect(text).toMatch(
      /0\.1250 GPU-hours, 0\.250 USD; static full provisioning 0\.2639 GPU-hours.*saved 52\.6 %/,
    );
  });

  it('says first that the run was interrupted', () => {
    const early = buildReport(config, records, figures, 180, true);
    expect(early.interrupted).toBe(true);
    expect(renderReport(early, config)).toMatch(/^interrupted: the report covers what ran/);
    expect(renderReport(report, config)).not.toContain('interrupted');
  });

  it('names why requests did not complete, the most common first', () => {
    const failed = record({ ...refused, code: 'prompt_too_long', message: 'long' });
    expect(renderFailures([failed, record({}), failed, record({ end: 'lost' })])).toBe(
      '2 x failed, prompt_too_long: long\n1 x lost\n',
    );
  });
});
