import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import type { TransitionRecord } from '../../contract/transition.js';
import { memorySchema } from '../../planning/memory.js';
import { outlookSchema } from '../../planning/outlook.js';
import type { PoolPolicy } from '../../planning/policy.js';
import type { PlannerSnapshot } from './snapshot.js';
import { step, tick } from './step.js';

const now = z.number();
const generation = z.number().int();
const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('TICK'), now }),
  z.object({ type: z.literal('ORDER_CONFIRMED'), now, generation }),
  z.object({ type: z.literal('ORDER_FAILED'), now, generation, error: z.string() }),
  z.object({ type: z.literal('PAUSE'), now }),
  z.object({ type: z.literal('RESUME'), now }),
  z.object({ type: z.literal('SET_FLOOR'), now, min: z.number().int().min(0) }),
  z.object({ type: z.literal('RESTORED'), now }),
]);
const workerModelSchema = z.object({
  rps: z.number(),
  sequences: z.number(),
  itlSeconds: z.number(),
  classes: z.array(
    z.object({ share: z.number(), tokens: z.number(), workSeconds: z.number(), ownSeconds: z.number() }),
  ),
});
const basisSchema = z.object({
  memory: memorySchema,
  facts: z
    .object({
      rps: z.object({ prefill: z.number(), decode: z.number() }),
      prefillTokensPerSecond: z.number(),
      coldStartSeconds: z.number(),
      model: z.object({ prefill: workerModelSchema, decode: workerModelSchema }).nullable(),
    })
    .nullable(),
  outlook: outlookSchema.nullable().default(null),
  event: eventSchema,
});

/**
 * Computes a published transition again from its record alone and the pool's policy at that time; under the same policy
 * and code it equals the record; null: nothing would change now.
 * Errors: `invalid_request` when the record does not hold what it rested on.
 */
export function recompute(record: TransitionRecord, policy: PoolPolicy): TransitionRecord | null {
  const parsed = basisSchema.safeParse(record.basis);
  if (!parsed.success)
    throw new SluiceError(
      'invalid_request',
      `transition ${record.sequence} of ${record.pool} does not hold what it rested on`,
    );
  const { memory, facts, outlook, event } = parsed.data;
  const before: PlannerSnapshot = {
    version: 1,
    pool: record.pool,
    state: record.from,
    sequence: record.sequence - 1,
    atMs: record.atMs,
    why: '',
    memory,
  };
  if (event.type !== 'TICK') return step(before, event).record;
  if (facts === null) return null;
  return tick(before, { observation: record.observation, policy, facts, outlook, now: event.now }).record;
}
