import type { LengthShape, LevelShape, RatePoint } from '../../simulator/workload/shape.js';

/** Length of the demo's load as drawn below, seconds; `--seconds` stretches it. */
export const DEMO_SECONDS = 112;

const ISL: LengthShape = { median: 1700, sigma: 0.3, min: 400, max: 3200 };
const OSL: LengthShape = { median: 135, sigma: 0.25, min: 50, max: 260 };

/**
 * A burst, a lull and a ramp for each level, at different times. The first burst of `high` finds one worker; its lull is
 * long enough to go idle; its ramp leads to a second burst. `low` pauses for long enough to be drained to nothing, and
 * comes back.
 */
export const DEMO_SHAPES: readonly LevelShape[] = [
  {
    level: 'high',
    isl: ISL,
    osl: OSL,
    rate: curve(
      [3, 1.5],
      [24, 1.5],
      [25, 15],
      [36, 15],
      [37, 3],
      [52, 3],
      [53, 0],
      [68, 0],
      [69, 2],
      [84, 5],
      [85, 20],
      [95, 20],
      [96, 2],
      [112, 2],
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
