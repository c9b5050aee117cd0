import { describe, expect, it } from 'vitest';
import { HpaBehavior, hpa, metricReplicas } from '../../../src/simulator/baselines/hpa.js';
import { scalerInput, seen } from './support.js';

const all = (total: number, reporting: number) => ({ total, reporting, missing: 0 });

describe("the HPA's replica calculator", () => {
  // The numbers of replica_calculator_test.go, in thousandths as there.
  it.each([
    ['TestReplicaCalcScaleUpCM', all(20_000 + 10_000 + 30_000, 3), 15_000, 3, 4],
    ['TestReplicaCalcScaleUpCMUnreadyHotCpuNoLessScale', all(50_000 + 10_000 + 30_000, 3), 15_000, 3, 6],
    ['TestReplicaCalcScaleDownCM', all(5 * 12_000, 5), 20_000, 5, 3],
    ['TestReplicaCalcScaleUpPerPodCMExternal', all(8600, 3), 2150, 3, 4],
    ['TestReplicaCalcScaleDownPerPodCMExternal', all(8600, 5), 2867, 5, 3],
    ['TestReplicaCalcTolerancePerPodCMExternal', all(8600, 3), 2900, 3, 3],
  ])('%s', (_, pods, target, current, expected) => {
    expect(metricReplicas(pods, target, current, 0.1)).toBe(expected);
  });

  it('counts starting pods as idle on the way up', () => {
    // 2 pods at 30 for a target of 10 ask for 6 replicas; 3 more start: 60 / 5 / 10 = 1.2, ceil(1.2 x 5) = 6 as well.
    expect(metricReplicas({ total: 60, reporting: 2, missing: 3 }, 10, 5, 0.1)).toBe(6);
    // 4 more start: 60 / 6 / 10 = 1, within the tolerance.
    expect(metricReplicas({ total: 60, reporting: 2, missing: 4 }, 10, 6, 0.1)).toBe(6);
    // 8 more start: 60 / 10 / 10 would now take pods away: no change.
    expect(metricReplicas({ total: 60, reporting: 2, missing: 8 }, 10, 10, 0.1)).toBe(10);
  });

  it('counts starting pods as on target on the way down', () => {
    // 3 pods at 2, one starting: (6 + 10) / 4 / 10 = 0.4, ceil(1.6) = 2.
    expect(metricReplicas({ total: 6, reporting: 3, missing: 1 }, 10, 4, 0.1)).toBe(2);
  });

  it('knows nothing without a pod that reports', () => {
    expect(metricReplicas({ total: 50, reporting: 0, missing: 2 }, 10, 2, 0.1)).toBeNull();
  });
});

describe("the HPA's behavior", () => {
  const constants = { ...hpa.grid[0] } as ConstructorParameters<typeof HpaBehavior>[0];
  const at = (behavior: HpaBehavior, second: number, wanted: number, current: number, most = 100) =>
    behavior.apply(wanted, current, most, second * 1000);

  it('adds at most the larger of 4 pods and 100 % in 15 s', () => {
    const behavior = new HpaBehavior(constants);
    expect(at(behavior, 0, 50, 1)).toBe(5);
    // 4 were added within the period: it began with 1, so 5 is still the limit.
    expect(at(behavior, 10, 50, 5)).toBe(5);
    // 5 -> max(5 + 4, 10) = 10, then 20.
    expect(at(behavior, 15, 50, 5)).toBe(10);
    expect(at(behavior, 30, 50, 10)).toBe(20);
    expect(at(behavior, 45, 50, 20, 24)).toBe(24);
  });

  it('takes away only what no recommendation of the last 300 s wanted', () => {
    const behavior = new HpaBehavior(constants);
    expect(at(behavior, 0, 8, 8)).toBe(8);
    expect(at(behavior, 15, 5, 8)).toBe(8);
    expect(at(behavior, 30, 2, 8)).toBe(8);
    expect(at(behavior, 300, 2, 8)).toBe(5);
    expect(at(behavior, 315, 2, 5)).toBe(2);
  });

  it('never adds on a recommendation to take away, whatever was recommended before', () => {
    const behavior = new HpaBehavior(constants);
    // 20 are wanted of 1, 5 allowed; then 3 are, fewer than there are.
    expect(at(behavior, 0, 20, 1)).toBe(5);
    expect(at(behavior, 15, 3, 5)).toBe(5);
    expect(at(behavior, 30, 3, 5)).toBe(5);
  });
});

describe('the HPA on a pool', () => {
  it('by default wants 5 waiting requests a server', () => {
    const scaler = hpa.create(scalerInput(), {});
    scaler.tick(seen(0), seen(0).atMs);
    // 3 wait in the queue and 15,000 prompt tokens in all, 15 requests of 1,000: 15 / 5 = 3 servers.
    const busy = seen(2, { ready: 1, waiting: 3, waitingTokens: 15_000 });
    expect(scaler.tick(busy, busy.atMs)).toMatchObject({
      decode: 3,
      reason: 'waiting requests 15.00 a pod, target 5.00',
    });
  });

  it('takes the largest answer of its metrics', () => {
    const scaler = hpa.create(scalerInput({}, { maxSequences: 8 }), { concurrencyLoad: 1, kvTarget: 0.5 });
    scaler.tick(seen(0), seen(0).atMs);
    // At capacity a worker with 8 sequences holds 9.01 requests (profile): ceil(40 / 9.01) = 5. Of the KV cache 0.6 / 0.5:
    // 2. Nothing waits: 0 / 5.
    const busy = seen(2, { ready: 1, running: 40, kvUsage: 0.6 });
    expect(scaler.tick(busy, busy.atMs)).toMatchObject({
      decode: 5,
      reason: 'concurrency 40.00 a pod, target 9.01',
    });
  });

  it('averages its metrics over a window where it is told to', () => {
    const scaler = hpa.create(scalerInput(), { windowSeconds: 10 });
    const tick = (after: number, waiting: number) => {
      const now = seen(after, { ready: 1, waiting });
      return scaler.tick(now, now.atMs);
    };
    tick(0, 0);
    // Asked at 2: 8 wait, ceil(8 / 5) = 2. At 16, within 10 s: (30 + 6) / 2 = 18, ceil(18 / 5) = 4 for 2 pods, one of which
    // starts: 18 / 2 / 5 x 2 = 3.6.
    tick(2, 8);
    tick(8, 30);
    expect(tick(16, 6)).toMatchObject({ decode: 4, reason: 'waiting requests 18.00 a pod, target 5.00' });
  });

  it('does nothing where no metric is known', () => {
    const scaler = hpa.create(scalerInput(), {});
    scaler.tick(seen(0), seen(0).atMs);
    const grant = { generation: 1, prefill: 0, decode: 1, shortage: 'none' as const };
    const unknown = seen(2, { ready: 1, waiting: null, waitingTokens: null, grant });
    expect(scaler.tick(unknown, unknown.atMs)).toBeNull();
  });
});
