import type { LengthShape, LevelShape, RatePoint } from '../../simulator/workload/shape.js';

/** Length of the demo's load as drawn below, seconds; `--seconds` stretches it. */
export const DEMO_SECONDS = 112;

const ISL: LengthShape = { median: 1700, sigma: 0.3, min: 400, max: 3200 };
const OSL: LengthShape = { median: 135, sigma: 0.25, min: 50, max: 260 };

/**
 * A burst and a lull for each level, at different times. The load of `high` rises gently first, which its planner meets with a
 * second worker, and then bursts beyond half of what both carry: steady, scaleUp, burstProtect (a test simulates it). Its lull
 * is long enough to go idle, and its second rush comes out of silence. `low` pauses for long enough to be drained to
 * nothing, and comes back.
 */
export const DEMO_SHAPES: readonly LevelShape[] = [
  {
    level: 'high',
    isl: ISL,
    osl: OSL,
    rate: curve(
      [3, 4.5],
      [20, 4.5],
      [34, 9],
      [44, 9],
      [45, 25],
      [53, 25],
      [54, 3],
      [63, 3],
      [64, 0],
      [80, 0],
      [81, 13],
      [90, 13],
      [91, 3],
      [112, 3],
    ),
  },
  {
    level: 'medium',
    isl: ISL,
    osl: OSL,
    rate: curve(
      [5, 2],
      [28, 2],
      [60, 10],
      [66, 10],
      [70, 2],
      [76, 2],
      [77, 0],
      [91, 0],
      [92, 3],
      [98, 3],
      [99, 7],
      [107, 7],
      [112, 3],
    ),
  },
  {
    level: 'low',
    isl: ISL,
    osl: OSL,
    rate: curve(
      [8, 1],
      [18, 1],
      [19, 5],
      [27, 5],
      [28, 1.5],
      [42, 1.5],
      [43, 0],
      [74, 0],
      [75, 1.5],
      [112, 1.5],
    ),
  },
];

function curve(...points: readonly (readonly [atSeconds: number, rps: number])[]): RatePoint[] {
  return points.map(([atSeconds, rps]) => ({ atSeconds, rps }));
}
