import { expect, it } from 'vitest';
import { simulatedReport } from '../../../src/cli/report/simulated.js';
import type { Config } from '../../../src/config/types.js';
import { onePool, run, steady } from './support.js';

/** Level `high` on one worker, far beyond what it carries, above level `medium` with room for all of it. */
function twoLevels(policy: 'late' | 'refuse' | 'relegate'): Config {
  const one = onePool({ maxWorkers: 1, minWorkers: 1 }, { coldStartSeconds: 5 });
  const { medium } = one.pools;
  if (medium === undefined) throw new Error('the support changed');
  const high = { ...medium, name: 'high', level: 'high', priority: medium.priority - 1 };
  return {
    ...one,
    pools: {
      high: { ...high, overload: { policy, lateBoundSeconds: 60 } },
      medium: { ...medium, maxWorkers: 6, minWorkers: 6, targets: { ttftSeconds: 5, itlSeconds: 1 } },
    },
  };
}

function outcome(policy: 'late' | 'refuse' | 'relegate') {
  const config = twoLevels(policy);
  const requests = [...steady(60, 120, 3)].map((request) => ({ ...request, level: 'high' }));
  const { result } = run(config, requests);
  return { report: simulatedReport(config, result), requests: requests.length, result };
}

it('sends what would be late to the lower level, and counts each request once, at the level it asked for', () => {
  const { report, requests, result } = outcome('relegate');
  const { high, medium } = report.pools;
  expect(high).toMatchObject({ requests, completed: requests, failed: 0, expired: 0, lost: 0 });
  expect(high?.relegated).toBeGreaterThan(requests / 4);
  expect(medium).toMatchObject({ requests: 0, completed: 0, relegated: 0 });
  expect(report.total).toMatchObject({ requests, completed: requests, lost: 0 });
  // What was sent on missed its level's promise, whatever became of it.
  expect(high?.attainment).toBeLessThanOrEqual(1 - (high?.relegated ?? 0) / requests);
  // The lower pool's workers did the work, and its planner saw it.
  const seen = result.pools.medium?.series.map(({ running }) => running) ?? [];
  expect(Math.max(...seen)).toBeGreaterThan(0);
});

it('serves all of them, sooner than they would be where they stand aside, and no fewer in time', () => {
  const [late, refuse, relegate] = [outcome('late'), outcome('refuse'), outcome('relegate')];
  expect(relegate.report.pools.high?.ttftSeconds.p99).toBeLessThan(
    0.5 * (late.report.pools.high?.ttftSeconds.p99 ?? 0),
  );
  expect(refuse.report.pools.high?.failed).toBeGreaterThan(0);
  expect(relegate.report.pools.high?.attainment).toBeGreaterThan(
    (late.report.pools.high?.attainment ?? 1) - 0.02,
  );
});

it('is the same again by the same seed', () => {
  expect(outcome('relegate').report).toEqual(outcome('relegate').report);
});
