import { beforeAll, describe, expect, it } from 'vitest';
import type { PoolConfig } from '../../../src/config/types.js';
import type { TransitionRecord } from '../../../src/contract/transition.js';
import { shippedProfiles } from '../../../src/profile/shipped.js';
import { recompute } from '../../../src/scheduler/planner-loop/replay.js';
import type { PoolResult } from '../../../src/simulator/run/result.js';
import { simulate } from '../../../src/simulator/run/simulate.js';
import type { TimedRequest } from '../../../src/simulator/workload/arrivals.js';
import { shapeRequests } from '../../../src/simulator/workload/shape.js';
import { onePool } from './support.js';

const PHASE_SECONDS = 1200;
const SHORT = { rps: 15, isl: 600, osl: 150 };
const LONG = { rps: 10, isl: 6000, osl: 200 };

/** Short prompts, long ones, short ones again, 20 minutes each. */
function* traffic(): Iterable<TimedRequest> {
  for (const [k, { rps, isl, osl }] of [SHORT, LONG, SHORT].entries()) {
    const about = (median: number) => ({ median, sigma: 0.3, min: 1, max: 100_000 });
    const rate = [
      { atSeconds: 0, rps },
      { atSeconds: PHASE_SECONDS, rps },
    ];
    const shape = { level: 'medium', rate, isl: about(isl), osl: about(osl) };
    for (const one of shapeRequests(shape, 1 + k))
      yield { ...one, atSeconds: one.atSeconds + k * PHASE_SECONDS };
  }
}

interface Run {
  pool: PoolResult;
  decisions: TransitionRecord[];
  attainment: number;
  gpuHours: number;
}

const [profile] = shippedProfiles();

function run(enabled: PoolConfig['disaggregation']['enabled'], itlSeconds: number): Run {
  if (profile === undefined) throw new Error('no profile is shipped');
  const config = onePool(
    {
      gpuBudget: { guaranteed: 16, ceiling: 16 },
      maxWorkers: 16,
      costOptimization: true,
      targets: { ttftSeconds: 1, itlSeconds },
      expected: { isl: 600, osl: 150 },
      loadPredictor: 'combined',
      disaggregation: { enabled, minPromptTokens: 512, prefillWorkers: 1 },
    },
    { coldStartSeconds: 30 },
  );
  const decisions: TransitionRecord[] = [];
  const result = simulate({
    config: {
      ...config,
      inventory: { hosts: [{ name: 'host', islands: [Array.from({ length: 16 }, (_, gpu) => gpu)] }] },
    },
    engines: { medium: { profile, tp: { vllm: 1, prefill: 1 } } },
    requests: traffic(),
    onDecision: (record) => decisions.push(record),
  });
  const pool = result.pools.medium!;
  return {
    pool,
    decisions,
    attainment: pool.tally.attained / pool.tally.requests,
    gpuHours: pool.figures.gpuSeconds / 3600,
  };
}

/** The forms that were ordered, in order. */
function forms({ decisions }: Run): string[] {
  const seen: string[] = [];
  for (const { order } of decisions) {
    const form = order === null ? seen.at(-1) : order.prefill > 0 ? 'disaggregated' : 'aggregated';
    if (form !== undefined && form !== seen.at(-1)) seen.push(form);
  }
  return seen;
}

describe('a pool that chooses its form, as prompts become long and short again', () => {
  describe('under a strict ITL', () => {
    let runs: Record<'aggregated' | 'disaggregated' | 'auto', Run>;
    beforeAll(() => {
      runs = { aggregated: run(false, 0.01), disaggregated: run(true, 0.01), auto: run('auto', 0.01) };
    });

    it('is disaggregated while prompts are long, and only then', () => {
      expect(forms(runs.auto)).toEqual(['aggregated', 'disaggregated', 'aggregated']);
    });

    it('loses nothing and keeps the level', () => {
      const { tally } = runs.auto.pool;
      expect([tally.lost, tally.completed]).toEqual([0, tally.requests]);
      // 10 % may be late; seen 97.7 %.
      expect(runs.auto.attainment).toBeGreaterThan(0.95);
    });

    it('takes no more GPU time than the better of the two fixed forms', () => {
      // Seen: 5.0 GPU-hours, aggregated 5.6, disaggregated 7.4.
      const better = Math.min(runs.aggregated.gpuHours, runs.disaggregated.gpuHours);
      expect(runs.auto.gpuHours).toBeLessThan(better);
    });

    it('decides each time as its record says', () => {
      const told = runs.auto.decisions.filter((_, k) => k % 7 === 0 || k > runs.auto.decisions.length - 20);
      for (const record of told) expect(recompute(record)).toEqual(record);
    });
  });

  it('stays aggregated under a loose ITL, at no cost', () => {
    const [fixed, auto] = [run(false, 0.06), run('auto', 0.06)];
    expect(forms(auto)).toEqual(['aggregated']);
    expect([auto.gpuHours, auto.attainment]).toEqual([fixed.gpuHours, fixed.attainment]);
  });
});
