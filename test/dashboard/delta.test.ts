import fc from 'fast-check';
import { expect, test } from 'vitest';
import { apply, changes } from '../../src/dashboard/delta.js';

const json = fc.jsonValue({ maxDepth: 4 });

test('the changes between two values, sent as JSON, turn the one into the other', () => {
  fc.assert(
    fc.property(json, json, (before, after) => {
      const sent = JSON.parse(JSON.stringify(changes(before, after)));
      expect(apply(before, sent)).toEqual(JSON.parse(JSON.stringify(after)));
    }),
  );
});

test('what has not changed is not sent, and is shared', () => {
  const before = { a: { x: 1, deep: [1, { y: 2 }] }, b: { z: 3 }, gone: 1 };
  const after = { a: { x: 1, deep: [1, { y: 5 }] }, b: { z: 3 }, fresh: null };
  const list = changes(before, after);
  expect(list).toEqual([[['gone']], [['a', 'deep', 1, 'y'], 5], [['fresh'], null]]);
  const applied = apply(before, list);
  expect(applied).toEqual(after);
  expect(applied.b).toBe(before.b);
  expect(before.gone).toBe(1);
});

test('a key such as __proto__ is data', () => {
  const evil = JSON.parse('{"__proto__": {"polluted": true}}');
  const applied = apply({}, JSON.parse(JSON.stringify(changes({}, evil)))) as object;
  expect(Object.keys(applied)).toEqual(['__proto__']);
  expect('polluted' in {}).toBe(false);
  expect('polluted' in Object.getPrototypeOf(applied)).toBe(false);
});
