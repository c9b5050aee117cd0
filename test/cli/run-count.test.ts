import { expect, test } from 'vitest';
import { RunCount } from '../../src/cli/compare/run-count.js';

test('tells how many runs are done and how long the others will take', () => {
  let now = 0;
  const count = new RunCount(13, () => now);
  now = 5_000;
  expect(count.done()).toBe('1 of 13 runs, about 60 s left');
  // Two at once: 4 in 60 s are 15 s each.
  now = 60_000;
  for (let k = 0; k < 2; k++) count.done();
  expect(count.done()).toBe('4 of 13 runs, about 3 min left');
  for (let k = 0; k < 8; k++) count.done();
  expect(count.done()).toBe('13 of 13 runs');
});
