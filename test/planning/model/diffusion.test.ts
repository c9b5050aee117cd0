import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROMPT_SHARES } from '../../../src/contract/observation.js';
import { queueAnswer } from '../../../src/planning/model/diffusion.js';
import { LateCurve } from '../../../src/planning/model/late-curve.js';
import { workerQueue } from '../../../src/planning/model/worker-queue.js';
import { loadProfile } from '../../../src/profile/load.js';
import { workerModel } from '../../../src/profile/worker-model.js';
import { StaticScaler } from '../../../src/simulator/baselines/static.js';
import { simulate } from '../../../src/simulator/run/simulate.js';
import type { TimedRequest } from '../../../src/simulator/workload/arrivals.js';
import { seriesRequests } from '../../../src/simulator/workload/rate-series.js';
import { TokenTable } from '../../../src/simulator/workload/token-cdf.js';
import { lengthBucket, PROMPT_BUCKETS, promptClasses } from '../../../src/telemetry/prompt-lengths.js';
import { onePool } from '../../simulator/run/support.js';

const profile = loadProfile('llama-3.1-8b-fp8-h100');
const SECONDS = 600;

/** Long-tailed prompts, as of code completion. */
const isl = new TokenTable([
  [0.25, 931],
  [0.5, 1916],
  [0.75, 3326],
  [0.99, 7600],
  [1, 7700],
]);
const osl = new TokenTable([
  [0.5, 6],
  [0.95, 80],
  [1, 200],
]);

function drawn(rate: number, dispersion: number, seed: number): Iterable<TimedRequest> {
  const points = [
    { atSeconds: 0, rps: rate },
    { atSeconds: SECONDS, rps: rate },
  ];
  return seriesRequests({ level: 'medium', rate: points, tokens: { isl, osl }, seed, dispersion });
}

function modelOf() {
  const counts = new Array<number>(PROMPT_BUCKETS).fill(0);
  let tokens = 0;
  let requests = 0;
  for (const request of drawn(30, 1, 7)) {
    counts[lengthBucket(request.isl)]!++;
    tokens += request.osl;
    requests++;
  }
  const classes = promptClasses(counts)!;
  return workerModel(profile, 1, {
    prompts: PROMPT_SHARES.map((share, k) => ({ share, tokens: classes[k]! })),
    osl: tokens / requests,
    itlSeconds: 0.06 * 0.85,
    gpuMemoryUtilization: 0.9,
    maxSequences: 256,
    maxBatchedTokens: 2048,
  });
}

describe('predicted attainment', () => {
  const model = modelOf();
  const queue = workerQueue(model, 0.85);

  test.each([
    [1, 0.7, 1],
    [1, 1.1, 1],
    [2, 0.9, 6],
    [3, 1, 1],
    [4, 1.05, 3],
    [4, 1.2, 1],
    [4, 1.4, 6],
  ])(
    '%i workers at %f of capacity, dispersion %i: within 3 points of the simulator',
    (workers, load, dispersion) => {
      const rate = load * workers * model.rps;
      const result = simulate({
        config: onePool({}, { maxBatchedTokens: 2048, coldStartSeconds: 1 }),
        engines: { medium: { profile, tp: { vllm: 1, prefill: 1 } } },
        requests: drawn(rate, dispersion, 3),
        scaler: (input) => new StaticScaler(input, { prefill: 0, decode: workers }),
      });
      const { attained, requests } = result.pools.medium!.tally;
      const { late } = queueAnswer({ queue, workers, rate, dispersion });
      expect(Math.abs(late - (1 - attained / requests))).toBeLessThan(0.03);
    },
  );

  test('equal requests beyond capacity: what exceeds it is late', () => {
    // One class of 1 s of work at rate 2 on one worker: half of them.
    const alone = { share: 1, tokens: 1, workSeconds: 0.01, ownSeconds: 0.01 };
    const one = { rps: 100, sequences: 1, itlSeconds: 0, classes: [alone] };
    const at = (rate: number) =>
      queueAnswer({ queue: workerQueue(one, 1), workers: 1, rate, dispersion: 1 }).late;
    expect(at(200)).toBeCloseTo(0.5, 1);
    expect(at(50)).toBeLessThan(1e-6);
  });

  test('a target that no prompt meets even alone: all are late', () => {
    expect(queueAnswer({ queue: workerQueue(model, 0.01), workers: 8, rate: 1, dispersion: 1 }).late).toBe(1);
  });

  test('more workers are never later, more load is never earlier, and all lies within 0 and 1', () => {
    const share = fc.double({ min: 0.05, max: 3, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        share,
        fc.double({ min: 1, max: 30, noNaN: true }),
        (n, load, d) => {
          const rate = load * n * model.rps;
          const late = (workers: number, rps: number) => new LateCurve(queue, workers, d).at(rps).late;
          const here = late(n, rate);
          expect(here).toBeGreaterThanOrEqual(0);
          expect(here).toBeLessThanOrEqual(1);
          expect(late(n + 1, rate)).toBeLessThanOrEqual(here + 0.02);
          expect(late(n, rate * 1.2)).toBeGreaterThanOrEqual(here - 0.02);
        },
      ),
    );
  });
});
