import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import type { TransitionRecord } from '../../contract/transition.js';
import { memorySchema } from '../../planning/memory.js';
import { outlookSchema } from '../../planning/outlook.js';
import { type PoolPolicy, policySchema } from '../../planning/policy.js';
import { same } from '../../planning/replicas.js';
import type { PlannerSnapshot } from './snapshot.js';
import { type Step, step, tick } from './step.js';

const now = z.number();
const generation = z.number().int();
const eventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('TICK'), now }),
  z.object({ type: z.literal('ORDER_CONFIRMED'), now, generation }),
  z.object({ type: z.literal('ORDER_FAILED'), now, generation, error: z.string() }),
  z.object({ type: z.literal('PAUSE'), now }),
  z.object({ type: z.literal('RESUME'), now }),
  z.object({ type: z.literal('SET_FLOOR'), now, min: z.number().int().min(0) }),
  z.object({ type: z.literal('SET_ADVISORY'), now, on: z.boolean() }),
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
const roleRps = z.object({ prefill: z.number(), decode: z.number() });
const roleModels = z.object({
  prefill: workerModelSchema,
  decode: workerModelSchema,
  split: z.number().optional(),
});
const basisSchema = z.object({
  memory: memorySchema,
  facts: z
    .object({
      rps: roleRps,
      prefillTokensPerSecond: z.number(),
      coldStartSeconds: z.number(),
      model: roleModels.nullable(),
      /** In records of a pool that chooses its form. */
      halves: z.object({ rps: roleRps, prefillTokensPerSecond: z.number(), model: roleModels }).optional(),
      correction: z.number().optional(),
      infeasible: z.string().optional(),
    })
    .nullable(),
  outlook: outlookSchema.nullable().default(null),
  policy: policySchema.optional(),
  event: eventSchema,
});

/**
 * Computes a decision again from its record alone; under the same code it equals the record; null: nothing would be kept of
 * it now. `policy`: another than the one that the record holds.
 * Errors: `invalid_request` when the record does not hold what it rested on.
 */
export function recompute(record: TransitionRecord, policy?: PoolPolicy): TransitionRecord | null {
  return recomputeStep(record, policy)?.decision ?? null;
}

/** As `recompute`, with the planner afterwards; null: the record does not hold enough for a plan. */
export function recomputeStep(record: TransitionRecord, policy?: PoolPolicy): Step | null {
  const parsed = basisSchema.safeParse(record.basis);
  if (!parsed.success)
    throw new SluiceError(
      'invalid_request',
      `record ${record.sequence} of ${record.pool} does not hold what it rested on`,
    );
  const { memory, facts, outlook, event } = parsed.data;
  const before: PlannerSnapshot = {
    version: 1,
    pool: record.pool,
    state: record.from,
    sequence: record.sequence - (isRoutine(record) ? 0 : 1),
    atMs: record.atMs,
    why: '',
    memory,
  };
  if (event.type !== 'TICK') return step(before, event);
  const under = policy ?? parsed.data.policy;
  if (facts === null || under === undefined) return null;
  const { observation } = record;
  return tick(before, { observation, policy: under, facts, outlook, now: event.now });
}

/** A plan that changed nothing, and was not published. */
export function isRoutine({ event, from, to, order, advice = null, basis }: TransitionRecord): boolean {
  if (event !== 'TICK' || from !== to || order !== null) return false;
  const advised = memorySchema.safeParse(basis?.memory).data?.advised ?? null;
  return advice === null || (advised !== null && same(advice, advised));
}
