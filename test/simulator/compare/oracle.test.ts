import { describe, expect, it } from 'vitest';
import { oracleBounds } from '../../../src/simulator/compare/bounds.js';
import { type HourCell, hourCells } from '../../../src/simulator/compare/hour-table.js';
import { runPolicy } from '../../../src/simulator/compare/run.js';
import { poolVerdict } from '../../../src/simulator/compare/verdict.js';
import { roundProfile } from '../../support/profiles.js';
import { onePool, steady } from '../run/support.js';

const cell = (hour: number, arrivals: number, attained: number[], need: number | null): HourCell => ({
  pool: 'medium',
  hour,
  arrivals,
  attained,
  need,
});

describe("the oracle's bounds", () => {
  const sizes = { gpusPerWorker: 2, fixedGpus: 1, floor: 0 };
  const cells = [cell(0, 100, [0, 100, 100], 1), cell(1, 100, [0, 50, 95], 2), cell(2, 10, [0, 5, 8], null)];

  it('hour by hour: the fewest of each, the whole budget where nothing keeps it', () => {
    const bounds = oracleBounds(cells, 0.1, sizes, 1);
    expect(bounds.hourly).toEqual([1, 2, 2]);
    // 5 worker-hours of 2 GPUs, and 1 GPU of prefill for 3 hours.
    expect(bounds.hourlyGpuHours).toBe(13);
    expect(bounds.cannot).toEqual([2]);
  });

  it('overall: the cheapest hours that serve enough, whatever becomes of the others', () => {
    // 0.9 x 210 = 189 are enough: 1 + 2 + 0 workers serve 195, 1 + 1 + 2 only 158.
    expect(oracleBounds(cells, 0.1, sizes, 1).overallGpuHours).toBe(3 * 2 + 3);
    // 0.5 x 210 = 105: 1 + 1 + 0 serve 150, 1 + 0 + 1 serve 105.
    expect(oracleBounds(cells, 0.5, sizes, 1).overallGpuHours).toBe(2 * 2 + 3);
    expect(oracleBounds(cells, 0.01, sizes, 1).overallGpuHours).toBeNull();
  });

  it('counts a last hour that is only a part of one', () => {
    expect(oracleBounds(cells, 0.1, sizes, 0.5).hourlyGpuHours).toBe((1 + 2 + 1) * 2 + 2.5);
  });
});

describe('the hours of a run', () => {
  const lengths = { isl: 4000, osl: 100 };
  const config = onePool({ maxWorkers: 2 }, { coldStartSeconds: 30 });
  const engines = { medium: { profile: roundProfile, tp: { vllm: 1, prefill: 1 } } };
  const hour = (rps: number, k: number) =>
    [...steady(rps, 3600, k, lengths)].map((request) => ({
      ...request,
      atSeconds: request.atSeconds + 3600 * k,
    }));
  const requests = [...hour(2, 0), ...hour(11, 1), ...hour(22, 2)];
  const options = { config, engines, requests, durationSeconds: 3 * 3600 };

  it('need as many workers as keep each, and a schedule of them keeps the run', () => {
    const cells = hourCells(options, { part: 0, of: 1 });
    expect(cells.map(({ need }) => need)).toEqual([1, 2, null]);
    const arrivals = [0, 1, 2].map(
      (k) => requests.filter(({ atSeconds }) => Math.floor(atSeconds / 3600) === k).length,
    );
    expect(cells.map((one) => one.arrivals)).toEqual(arrivals);
    for (const { attained } of cells) expect(attained).toEqual([...attained].sort((a, b) => a - b));
    const odd = hourCells(options, { part: 1, of: 2 });
    expect(odd.map((one) => one.hour)).toEqual([1]);
    expect(odd[0]!.need).toBe(2);

    const two = {
      ...options,
      requests: requests.filter(({ atSeconds }) => atSeconds < 7200),
      durationSeconds: 7200,
    };
    const run = { policy: 'oracle', variant: 0, requests: {}, excused: {}, schedule: { medium: [1, 2] } };
    const { outcome } = runPolicy(two, run);
    const pool = outcome.pools.medium!;
    expect(poolVerdict(pool)).toMatchObject({ overall: true, hourly: true });
    expect(pool.hours[0]!.gpuHours).toBeGreaterThan(1);
    // The second worker starts 30 s and three looks ahead.
    expect(pool.hours[0]!.gpuHours).toBeLessThan(1 + 40 / 3600);
    expect(pool.hours[1]!.gpuHours).toBeCloseTo(2, 6);
  });
});
