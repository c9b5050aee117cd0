import { describe, expect, it } from 'vitest';
import type { Replicas } from '../../../src/planning/replicas.js';
import { BASELINES } from '../../../src/simulator/baselines/all.js';
import { staticFull } from '../../../src/simulator/baselines/static.js';
import { TargetScaler, type Want } from '../../../src/simulator/baselines/target-scaler.js';
import type { ScalerInput } from '../../../src/simulator/run/scaler.js';
import { onePool, run, steady } from '../run/support.js';

/** Wants what it is told, in turn; null: as before. */
class Told extends TargetScaler {
  constructor(
    input: ScalerInput,
    private readonly wants: (number | null)[],
  ) {
    super(input);
  }

  protected want(): Want | null {
    const decode = this.wants.shift() ?? null;
    return decode === null ? null : { replicas: { prefill: 0, decode }, reason: 'told' };
  }
}

const config = onePool({ maxWorkers: 6 }, { coldStartSeconds: 10 });

describe('a baseline', () => {
  it('has a name of its own and published constants', () => {
    const names = BASELINES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name } of BASELINES) expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it('static full holds the whole budget from before the load to its end', () => {
    const { result } = run(config, steady(20, 300, 1), {
      scaler: (input) => staticFull.create(input, {}),
      durationSeconds: 300,
    });
    const { figures, series, tally } = result.pools.medium!;
    expect(figures.gpuSeconds).toBeCloseTo(6 * result.wallSeconds, 6);
    expect(series.every((row) => row.readyWorkers === 6)).toBe(true);
    expect(tally.attained).toBe(tally.requests);
    expect(figures.steps).toEqual([]);
  });
});

describe('a scaler that states targets', () => {
  const series = (wants: (number | null)[], faults: Parameters<typeof run>[2] = {}) =>
    run(config, steady(2, 120, 1), {
      scaler: (input) => new Told(input, [...wants]),
      coldBegin: true,
      intervalSeconds: 1,
      ...faults,
    }).result.pools.medium!;

  it('is ordered to the floor until it wants something, then to that, inside floor and budget', () => {
    const wants = [null, null, 3, null, 9, ...Array(20).fill(null), 0];
    const { figures, series: rows } = series(wants);
    expect(figures.start.ordered).toBe(1);
    expect(figures.steps.map(({ ordered }) => ordered)).toEqual([3, 6, 1]);
    expect(rows.find((row) => row.atSeconds === 20)?.readyWorkers).toBe(6);
    expect(rows.at(-2)?.leasedGpus).toBe(1);
  });

  it('takes nothing away while it cannot see', () => {
    const gap = { kind: 'telemetry_gap' as const, pool: 'medium', atSeconds: 5, forSeconds: 60 };
    const { figures } = series([...Array(30).fill(4), ...Array(90).fill(2)], { faults: [gap] });
    expect(figures.start.ordered).toBe(4);
    expect(figures.steps.map(({ ordered }) => ordered)).toEqual([2]);
    const loadBegin = 864_000_000;
    expect((figures.steps[0]!.atMs - loadBegin) / 1000).toBeGreaterThan(60);
  });

  it('orders both roles of a disaggregated pool', () => {
    const pool = {
      ...config.pools.medium!,
      disaggregation: { enabled: true, minPromptTokens: 1, prefillWorkers: 2 },
    };
    let full: Replicas | null = null;
    run({ ...config, pools: { medium: pool } }, steady(2, 30, 1), {
      scaler: (input) => {
        const scaler = staticFull.create(input, {});
        return {
          state: scaler.state,
          steps: scaler.steps,
          tick: (seen, nowMs) => {
            const order = scaler.tick(seen, nowMs);
            full ??= order;
            return order;
          },
        };
      },
    });
    expect(full).toMatchObject({ prefill: 2, decode: 4 });
  });
});
