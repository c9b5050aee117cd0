import { expect, test } from 'vitest';
import { LateCurve } from '../../../src/planning/model/late-curve.js';
import { workerQueue } from '../../../src/planning/model/worker-queue.js';
import { loadProfile } from '../../../src/profile/load.js';
import { workerModel } from '../../../src/profile/worker-model.js';
import { StaticScaler } from '../../../src/simulator/baselines/static.js';
import { SluicePlanner } from '../../../src/simulator/run/planner.js';
import type { Scaler, ScalerInput } from '../../../src/simulator/run/scaler.js';
import { simulate } from '../../../src/simulator/run/simulate.js';
import type { TimedRequest } from '../../../src/simulator/workload/arrivals.js';
import { onePool } from '../../simulator/run/support.js';

const profile = loadProfile('llama-3.1-8b-fp8-h100');
const SHORT = 500;
const OSL = 50;

/** Poisson arrivals of short prompts and, every so many on average, one that misses 1 s even alone. */
function* mixed(rate: number, share: number, long: number, seconds: number): Iterable<TimedRequest> {
  let state = 5;
  const draw = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  for (let at = 0; at < seconds; at += -Math.log(draw()) / rate) {
    const isl = draw() < share ? long : SHORT;
    yield { atSeconds: at, level: 'medium', isl, osl: OSL };
  }
}

function served(requests: Iterable<TimedRequest>, scaler: (input: ScalerInput) => Scaler) {
  const result = simulate({
    config: onePool(
      { gpuBudget: { guaranteed: 8, ceiling: 8 }, maxWorkers: 8, costOptimization: true },
      { coldStartSeconds: 60 },
    ),
    engines: { medium: { profile, tp: { vllm: 1, prefill: 1 } } },
    requests,
    scaler,
  });
  const { tally, figures } = result.pools.medium!;
  const ordered = figures.steps.flatMap((step) => (step.ordered === null ? [] : [step.ordered]));
  return {
    attainment: tally.attained / tally.requests,
    gpuHours: figures.gpuSeconds / 3600,
    most: figures.maxGpus,
    turns: ordered.filter((n, k) => k > 0 && n > (ordered[k - 1] ?? n)).length,
  };
}

test.each([
  [1, 2, 0.05, 50_000],
  [2, 2, 0.05, 50_000],
  [3, 2, 0.05, 50_000],
  [2, 2, 0.13, 40_000],
  [1, 0.5, 0.06, 32_000],
])(
  '%i workers, %f requests/s, %f of them hopeless with %i tokens: within 4 points of the simulator',
  (workers, rate, share, long) => {
    const { attainment } = served(
      mixed(rate, share, long, 3600),
      (input) => new StaticScaler(input, { prefill: 0, decode: workers }),
    );
    const model = workerModel(profile, 1, {
      prompts: [
        { share: 1 - share, tokens: SHORT },
        { share, tokens: long },
      ],
      osl: OSL,
      itlSeconds: 0.06 * 0.85,
      gpuMemoryUtilization: 0.9,
      maxSequences: 256,
      maxBatchedTokens: 8192,
    });
    const { late } = new LateCurve(workerQueue(model, 0.85), workers, 1).at(rate);
    expect(Math.abs(late - (1 - attainment))).toBeLessThan(0.04);
  },
);

test('no worker is ordered for prompts that miss the target alone, and what is ordered does not swing', () => {
  const requests = () => mixed(2, 0.02, 40_000, 2400);
  const one = served(requests(), (input) => new StaticScaler(input, { prefill: 0, decode: 1 }));
  const planned = served(requests(), (input) => new SluicePlanner(input));
  expect(one.attainment).toBeGreaterThan(0.9);
  expect(planned.attainment).toBeGreaterThan(0.9);
  expect(planned.most).toBeLessThanOrEqual(2);
  expect(planned.gpuHours).toBeLessThan(1.35 * one.gpuHours);
  expect(planned.turns).toBeLessThanOrEqual(1);
});
