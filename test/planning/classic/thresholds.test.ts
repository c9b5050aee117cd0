import { describe, expect, it } from 'vitest';
import { ThresholdPlanner } from '../../../src/planning/classic/thresholds/planner.js';
import type {
  Capabilities,
  PassMetrics,
  ThresholdConfig,
  WorkerCounts,
} from '../../../src/planning/classic/thresholds/types.js';

const config: ThresholdConfig = {
  mode: 'disagg',
  target: 'throughput',
  enabled: true,
  minEndpoint: 1,
  maxGpus: -1,
  minGpus: -1,
  intervalSeconds: 5,
  prefillQueueTokens: { up: null, down: null },
  decodeKvRate: { up: null, down: null },
};
const engine = { gpus: 1, contextLength: 4000, maxKvTokens: 100_000 };
const capabilities: Capabilities = { prefill: engine, decode: engine };
const pass = (workerId: string, change: Partial<PassMetrics> = {}): PassMetrics => ({
  workerId,
  rank: 0,
  scheduledDecodeKvTokens: 0,
  queuedPrefillTokens: 0,
  queuedDecodeKvTokens: 0,
  ...change,
});
const stable = (readyPrefill: number, readyDecode: number): WorkerCounts => ({
  readyPrefill,
  readyDecode,
  prefillScaling: false,
  decodeScaling: false,
});

function decide(
  change: Partial<ThresholdConfig>,
  workers: WorkerCounts,
  prefill: PassMetrics[],
  decode: PassMetrics[],
  can: Capabilities = capabilities,
) {
  const planner = new ThresholdPlanner({ ...config, ...change }, can);
  return planner.tick({ nowSeconds: 10, runLoadScaling: true, workers, passes: { prefill, decode } });
}

describe('the static-threshold planner', () => {
  it.each([
    // Queued tokens over a context of 4,000.
    ['throughput', 4000, 'scale_up'],
    ['throughput', 3999, 'no_change'],
    ['throughput', 400, 'no_change'],
    ['throughput', 399, 'scale_down'],
    ['latency', 400, 'scale_up'],
    ['latency', 1, 'no_change'],
    ['latency', 0, 'scale_down'],
  ] as const)('prefill, %s: %i queued tokens: %s', (target, queued, reason) => {
    const prefill = ['a', 'b'].map((id) => pass(id, { queuedPrefillTokens: queued }));
    expect(decide({ mode: 'prefill', target }, stable(2, 0), prefill, []).reason).toBe(reason);
  });

  it.each([
    ['throughput', 100_001, 'scale_up'],
    ['throughput', 100_000, 'no_change'],
    ['throughput', 60_000, 'no_change'],
    ['throughput', 59_999, 'scale_down'],
    ['latency', 40_001, 'scale_up'],
    ['latency', 10_000, 'no_change'],
    ['load', 75_000, 'scale_up'],
    ['load', 25_000, 'scale_down'],
    ['load', 25_001, 'no_change'],
  ] as const)('decode, %s: %i KV tokens of 100,000: %s', (target, used, reason) => {
    const decode = ['a', 'b'].map((id) => pass(id, { scheduledDecodeKvTokens: used }));
    const decodeKvRate = { up: 75, down: 25 };
    expect(decide({ mode: 'decode', target, decodeKvRate }, stable(0, 2), [], decode).reason).toBe(reason);
  });

  it('adds for one engine above, takes away only when all are below', () => {
    const hot = pass('a', { scheduledDecodeKvTokens: 80_000, queuedDecodeKvTokens: 30_000 });
    const cold = pass('b');
    expect(decide({ mode: 'decode' }, stable(0, 2), [], [hot, cold]).scaleTo).toEqual({ decode: 3 });
    const mild = pass('a', { scheduledDecodeKvTokens: 70_000 });
    expect(decide({ mode: 'decode' }, stable(0, 2), [], [mild, cold]).scaleTo).toBeNull();
  });

  it('counts queued prompts of aggregated workers as KV', () => {
    const busy = pass('a', { scheduledDecodeKvTokens: 20_000, queuedPrefillTokens: 90_000 });
    expect(decide({ mode: 'agg' }, stable(0, 1), [], [busy]).scaleTo).toEqual({ decode: 2 });
    expect(decide({ mode: 'decode' }, stable(0, 1), [], [busy]).scaleTo).toBeNull();
  });

  it('decides nothing while off, scaling, unseen, miscounted or untold', () => {
    const one = [pass('a', { queuedPrefillTokens: 9000 })];
    const prefill = { mode: 'prefill' } as const;
    expect(decide({ ...prefill, enabled: false }, stable(1, 0), one, []).reason).toBe('disabled');
    const growing = { ...stable(1, 0), expectedPrefill: 2 };
    expect(decide(prefill, growing, one, []).reason).toBe('scaling_in_progress');
    expect(decide(prefill, stable(1, 0), [], []).reason).toBe('no_fpm_data');
    expect(decide(prefill, stable(2, 0), one, []).reason).toBe('worker_count_mismatch');
    const ranks = [pass('a'), pass('a', { rank: 1 }), pass('b')];
    expect(decide(prefill, stable(2, 0), ranks, []).reason).toBe('worker_count_mismatch');
    const unknown = { prefill: { ...engine, contextLength: null }, decode: null };
    expect(decide(prefill, stable(1, 0), one, [], unknown).reason).toBe('insufficient_data');
    expect(decide({ ...prefill, target: 'load' }, stable(1, 0), one, []).reason).toBe('insufficient_data');
  });

  it('names both sides of a pair, and the one that could not decide', () => {
    const full = pass('d', { scheduledDecodeKvTokens: 110_000 });
    expect(decide({}, stable(1, 1), [pass('p')], [full])).toMatchObject({
      scaleTo: { prefill: 1, decode: 2 },
      reason: 'scale_up',
      prefillReason: 'no_change',
      decodeReason: 'scale_up',
    });
    const blind = { prefill: { ...engine, contextLength: null }, decode: engine };
    expect(decide({}, stable(1, 1), [pass('p')], [pass('d')], blind)).toMatchObject({
      scaleTo: null,
      reason: 'insufficient_data',
      prefillReason: 'insufficient_data',
      decodeReason: 'no_change',
    });
  });

  it('stays within the GPU budget and names the current count where that is all there is', () => {
    const four = { prefill: { ...engine, gpus: 4 }, decode: null };
    const busy = [pass('a', { queuedPrefillTokens: 9000 })];
    const held = decide({ mode: 'prefill', maxGpus: 4 }, stable(1, 0), busy, [], four);
    expect(held).toMatchObject({ scaleTo: { prefill: 1 }, reason: 'no_change' });
    const full = pass('d', { scheduledDecodeKvTokens: 110_000 });
    expect(decide({ maxGpus: 2 }, stable(1, 1), [pass('p')], [full]).scaleTo).toBeNull();
  });

  it('keeps counts from tick to tick and sets the next load tick', () => {
    const planner = new ThresholdPlanner({ ...config, mode: 'decode' }, capabilities);
    const decode = [pass('a', { scheduledDecodeKvTokens: 110_000 })];
    const passes = { prefill: [], decode };
    const quiet = planner.tick({ nowSeconds: 1, runLoadScaling: false, workers: stable(0, 1), passes });
    expect(quiet).toMatchObject({ scaleTo: null, reason: null, nextTickSeconds: Number.POSITIVE_INFINITY });
    const next = planner.tick({ nowSeconds: 5, runLoadScaling: true, workers: null, passes });
    expect(next).toMatchObject({ scaleTo: { decode: 2 }, nextTickSeconds: 10 });
  });
});
