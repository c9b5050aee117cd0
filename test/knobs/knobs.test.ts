import { describe, expect, it, test } from 'vitest';
import { listFields } from '../../src/config/fields.js';
import { fileSchema } from '../../src/config/file-schema.js';
import { poolSchema } from '../../src/config/pool-schema.js';
import { ENGINES } from './engines.js';
import { GATEWAY } from './gateway.js';
import { GPUS } from './gpus.js';
import { HISTORY } from './history.js';
import { OPENAI_ENGINES } from './openai.js';
import { OVERLOAD } from './overload.js';
import { PLANNER } from './planner.js';
import { PLANNING } from './planning.js';
import { QUEUES } from './queues.js';
import { ROUTING } from './routing.js';
import { WORKERS } from './workers.js';

const PURE = [...PLANNING, ...PLANNER, ...ROUTING, ...GPUS, ...ENGINES, ...OPENAI_ENGINES, ...OVERLOAD];

describe('a flip of one field of the file', () => {
  test.each(PURE)('$field: $says', ({ prove }) => prove({ redisUrl: 'none needed' }));
});

describe('every field of the file', () => {
  const turned = new Set([...PURE, ...QUEUES, ...WORKERS, ...GATEWAY, ...HISTORY].map(({ field }) => field));
  const known = [
    ...listFields(fileSchema).map(({ key }) => key),
    ...listFields(poolSchema).map(({ key }) => `pools.p.${key}`),
  ];

  it.each(known)('%s has a knob test', (field) => {
    expect(turned).toContain(field);
  });

  it('and no knob test is of a field that is gone', () => {
    expect([...turned].filter((field) => !known.includes(field))).toEqual([]);
  });
});
