import { describe, expect, it } from 'vitest';
import { BASELINES } from '../../../src/simulator/baselines/all.js';
import { shapeRequests } from '../../../src/simulator/workload/shape.js';
import { profileWithBlocks } from '../../support/profiles.js';
import { onePool, run } from '../run/support.js';

/** 2 requests/s, from 60 s on 70, from 360 s on 2 again; 1,000 + 50 tokens. */
function step(seconds: number) {
  const rate = [
    [0, 2],
    [60, 2],
    [60, 70],
    [360, 70],
    [360, 2],
    [seconds, 2],
  ].map(([atSeconds = 0, rps = 0]) => ({ atSeconds, rps }));
  const fixed = (median: number) => ({ median, sigma: 0, min: 1, max: 10_000 });
  return shapeRequests({ level: 'medium', rate, isl: fixed(1000), osl: fixed(50) }, 5);
}

const seconds = 1200;
// Workers of 2,000 blocks: 32,000 KV tokens, 30 requests beside each other, 31/s within the targets.
const engines = { medium: { profile: profileWithBlocks(2000), tp: { vllm: 1, prefill: 1 } } };
/** Hours that a test does not have. */
const faster: Record<string, Record<string, number>> = {
  'sageserve-lt-ua': { planSeconds: 120, binSeconds: 10, fromSeconds: 30 },
};

/** As the policies were published: nothing stands aside. */
const IN_ORDER = { policy: 'edf' as const, lateBoundSeconds: 60 };

describe('a step of the rate, up and down again', () => {
  const scaling = BASELINES.filter(({ name }) => name !== 'static-full');
  it.each(scaling.map((policy) => [policy.name, policy] as const))('%s follows it', (name, policy) => {
    // Telemetry fails for a minute while the load is high; the simulator's invariants are on.
    const { result } = run(onePool({ overload: IN_ORDER }, { coldStartSeconds: 10 }), step(seconds), {
      engines,
      scaler: (input) => policy.create(input, { ...policy.grid[0], ...faster[name] }),
      faults: [{ kind: 'telemetry_gap', pool: 'medium', atSeconds: 200, forSeconds: 60 }],
      durationSeconds: seconds,
    });
    const { tally, series, figures } = result.pools.medium!;
    expect(tally).toMatchObject({ lost: 0, failed: 0, completed: tally.requests });
    const leased = (from: number, to: number) =>
      series
        .filter(({ atSeconds }) => atSeconds >= from && atSeconds < to)
        .map(({ leasedGpus }) => leasedGpus);
    expect(figures.maxGpus).toBeLessThanOrEqual(8);
    expect(Math.max(...leased(120, 420))).toBeGreaterThan(1);
    expect(series.at(-2)?.leasedGpus).toBeLessThan(Math.max(...leased(120, 420)));
  });
});
