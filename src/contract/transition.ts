import { z } from 'zod';
import { observationSchema } from './observation.js';
import { scaleOrderSchema } from './scale.js';

export const PLANNER_STATES = [
  'idle',
  'steady',
  'scaleUp',
  'burstProtect',
  'costOptimize',
  'degraded',
  'paused',
] as const;
export const plannerStateSchema = z.enum(PLANNER_STATES);
export type PlannerState = z.output<typeof plannerStateSchema>;

/** One transition of a planner, as published on the pool's transition stream. */
export const transitionSchema = z.object({
  pool: z.string(),
  /** Rises by one with each record of this pool. */
  sequence: z.number().int(),
  atMs: z.number(),
  from: plannerStateSchema,
  to: plannerStateSchema,
  event: z.string(),
  /** A sentence with its numbers. */
  reason: z.string(),
  numbers: z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()])),
  order: scaleOrderSchema.nullable(),
  observation: observationSchema.nullable(),
  /**
   * What the decision rested on besides the observation, enough to compute it again: the planner's memory before
   * the event, the capacity facts (null: no tick), and what else the event carried.
   */
  basis: z
    .object({
      memory: z.record(z.string(), z.unknown()),
      facts: z.record(z.string(), z.unknown()).nullable(),
      /** What was learned of the load; absent or null: nothing yet. */
      outlook: z.record(z.string(), z.unknown()).nullable().optional(),
      event: z.record(z.string(), z.unknown()),
    })
    .optional(),
});
export type TransitionRecord = z.output<typeof transitionSchema>;

/** What an operator asks of a planner, over its operator channel. */
export const operatorCommandSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('pause') }),
  z.object({ type: z.literal('resume') }),
  z.object({ type: z.literal('floor'), min: z.number().int().min(0) }),
]);
export type OperatorCommand = z.output<typeof operatorCommandSchema>;
