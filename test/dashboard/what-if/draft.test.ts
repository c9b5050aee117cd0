import { expect, test } from 'vitest';
import { poolSchema } from '../../../src/config/pool-schema.js';
import {
  changesOf,
  draftTrouble,
  FIELDS,
  inFormTerms,
  shownRange,
} from '../../../src/dashboard/page/what-if/draft.js';

const numbers = FIELDS.flatMap((field) => (field.kind === 'number' ? [field] : []));

/** Whether the file takes what the form makes of a text. */
function takes(key: (typeof FIELDS)[number]['key'], text: string): boolean {
  return poolSchema.safeParse(changesOf({ high: { [key]: text } }).high).success;
}

test.each(numbers)('$label: the form takes what the configuration file takes, and no more', (field) => {
  const { min, above, max } = shownRange(field);
  const low = min ?? above ?? 0;
  const texts = [low, max, max + 1, low - 1, low + 0.25].map(String);
  for (const text of texts)
    expect(draftTrouble({ high: { [field.key]: text } }) === null, text).toBe(takes(field.key, text));
  expect(takes(field.key, String(max))).toBe(true);
});

test('what does not fit is told by the names and in the units of the form', () => {
  expect(draftTrouble({ high: { ttft_target: '70000' } })).toBe(
    'high, TTFT target, ms: expected a number above 0 and at most 60000',
  );
  expect(draftTrouble({ low: { violations_allowed: '101' } })).toBe(
    'low, Misses allowed, %: expected a number from 0 to 100',
  );
  expect(draftTrouble({ low: { gpus: '' } })).toBe('low, GPU budget: expected a whole number from 1 to 4096');
  expect(
    inFormTerms('pools.low.min_workers: expected at most 1, got 7; changes.high.gpu_budget.ceiling: no'),
  ).toBe('low, Floor of workers: expected at most 1, got 7; high, GPU budget: no');
});
