import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import { openEngines } from '../../src/simulator/open/engines.js';
import { simulate } from '../../src/simulator/run/simulate.js';
import { shapeRequests } from '../../src/simulator/workload/shape.js';
import { type Knob, poolKnob, poolOf } from './knob.js';

/** What becomes of requests beyond capacity, by the fields of their pool. */
export const OVERLOAD: Knob[] = [
  poolKnob('overload.policy', {
    says: 'beyond capacity most requests are in time while those that cannot be stand aside, few in plain deadline order',
    to: 'edf',
    see: (config) => overloaded(config).attained,
    show: (late, edf) => expect(late).toBeGreaterThan(2 * edf),
  }),
  poolKnob('overload.policy', {
    says: 'refused ones end at once, none waits for the others to be done',
    to: 'refuse',
    see: (config) => overloaded(config).failed,
    show: (late, refuse) => {
      expect(late).toBe(0);
      expect(refuse).toBeGreaterThan(50);
    },
  }),
  poolKnob('overload.policy', {
    says: 'sent on to the level below, none of them waits here and none is refused',
    to: 'relegate',
    see: (config) => overloaded(config, { q: { ...poolOf(config, 'q'), minWorkers: 2 } }),
    show: (late, relegate) => {
      expect(late.relegated).toBe(0);
      expect(relegate.relegated).toBeGreaterThan(50);
      expect(relegate.completed).toBe(relegate.requests);
      expect(relegate.ttftSeconds.p99).toBeLessThan(0.5 * (late.ttftSeconds.p99 ?? 0));
    },
  }),
  poolKnob('overload.late_bound_seconds', {
    says: 'with a short bound some of those that stood aside go first, at the cost of others',
    to: 5,
    see: (config) => overloaded(config).attained,
    show: (long, short) => expect(short).toBeLessThan(long),
  }),
];

/** Thirty-five seconds at about 1.6 times what one worker of pool `p` carries. @param others pools beside it */
function overloaded(config: Config, others: Config['pools'] = {}) {
  const pool = { ...poolOf(config), minWorkers: 1, maxWorkers: 1 };
  const alone = { ...config, pools: { p: pool, ...others }, defaultLevel: pool.level };
  const fixed = (median: number) => ({ median, sigma: 0, min: 1, max: 100_000 });
  const rate = [
    { atSeconds: 0, rps: 30 },
    { atSeconds: 35, rps: 30 },
  ];
  const result = simulate({
    config: alone,
    engines: openEngines(alone),
    requests: shapeRequests({ level: pool.level, rate, isl: fixed(2000), osl: fixed(150) }, 1),
  });
  return result.pools.p!.tally;
}
