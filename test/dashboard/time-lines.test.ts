import { expect, test } from 'vitest';
import type { PoolStatus } from '../../src/contract/status.js';
import { loadShape, replicaShape } from '../../src/dashboard/page/charts/shapes.js';
import type { Forecast, PoolSample, Sample } from '../../src/dashboard/view.js';

const pool = { name: 'high', arrivalsPerSecond: 5 } as PoolStatus;

/** A sample of `high` with 5 arrivals a second. @param f as in the sample: seconds ahead, low, middle, high */
function sample(seconds: number, f: PoolSample['f'] = null): Sample {
  const one = { s: null, in: 5, run: 0, wait: 0, ready: 2, want: 2, gpus: 2, f, w: {} };
  return { t: seconds * 1000, p: { high: { ...one, ttft: null, itl: null, att: null } } };
}

function line(shape: ReturnType<typeof loadShape>, name: string): [number, number | null | undefined][] {
  const values = shape.lines.find((each) => each.name === name)?.values ?? [];
  return shape.times.map((time, at) => [time, values[at]]);
}

test('lines break where no sample came for long, and only there', () => {
  const samples = [100, 102, 107, 160, 162].map((at) => sample(at, [20, 4, 6, 8]));
  expect(line(replicaShape(samples, pool), 'ready')).toEqual([
    [100, 2],
    [102, 2],
    [107, 2],
    [108, null],
    [160, 2],
    [162, 2],
  ]);
  const load = loadShape(samples, pool, null);
  // Foreseen from 120 to 127 and from 180 on; all that lies in the hole of the arrivals is in the hole.
  const arriving = line(load, 'arriving').filter(([time]) => time > 107 && time < 160);
  expect(arriving.map(([, value]) => value)).toEqual(arriving.map(() => null));
  expect(line(load, 'foreseen').find(([time]) => time === 128)).toEqual([128, null]);
});

test('the times of forecasts do not tear the arrivals, nor those of arrivals the forecast', () => {
  // Each is foreseen 3 seconds ahead: at 103, 105 and 107.
  const samples = [100, 102, 104].map((at) => sample(at, [3, 4, 6, 8]));
  const forecast: Forecast = { atMs: 104_000, leads: [{ seconds: 30, low: 1, middle: 2, high: 3 }] };
  const shape = loadShape(samples, pool, forecast);
  expect(line(shape, 'arriving')).toEqual([
    [100, 5],
    [102, 5],
    [103, undefined],
    [104, 5],
    // What is to come has not arrived.
    [105, null],
    [107, null],
    [134, null],
  ]);
  expect(line(shape, 'foreseen')).toEqual([
    [100, null],
    [102, null],
    [103, 6],
    [104, undefined],
    [105, 6],
    [107, 6],
    [134, 2],
  ]);
});
