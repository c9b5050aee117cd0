import type { LengthShape, LevelShape, RatePoint } from '../../simulator/workload/shape.js';

/** Length of the demo's load as drawn below, seconds; `--seconds` stretches it. */
export const DEMO_SECONDS = 112;

const ISL: LengthShape = { median: 1200, sigma: 0.35, min: 300, max: 2400 };
const OSL: LengthShape = { median: 110, sigma: 0.3, min: 40, max: 200 };

/**
 * A ramp, a burst and a lull for each level, at different times: `high` bursts while `medium` is on its ramp; `low`
 * comes late, pauses for long enough to be drained, and comes back.
 */
export const DEMO_SHAPES: readonly LevelShape[] = [
  {
    level: 'high',
    isl: ISL,
    osl: OSL,
    rate: curve(
      [4, 1],
      [14, 2],
      [38, 5],
      [39, 14],
      [51, 14],
      [52, 3],
      [74, 3],
      [76, 0.5],
      [90, 0.5],
      [94, 3],
      [112, 3],
    ),
  },
  {
    level: 'medium',
    isl: ISL,
    osl: OSL,
    rate: curve([6, 1], [16, 1], [44, 7], [62, 7], [70, 1], [88, 1], [96, 4], [112, 3]),
  },
  {
    level: 'low',
    isl: ISL,
    osl: OSL,
    rate: curve(
      [10, 0.5],
      [20, 1],
      [34, 2],
      [38, 4],
      [42, 2],
      [54, 1],
      [55, 0],
      [84, 0],
      [86, 1.5],
      [112, 1],
    ),
  },
];

function curve(...points: readonly (readonly [atSeconds: number, rps: number])[]): RatePoint[] {
  return points.map(([atSeconds, rps]) => ({ atSeconds, rps }));
}
