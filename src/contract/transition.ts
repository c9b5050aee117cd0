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

const candidateSchema = z.object({
  prefill: z.number().int(),
  decode: z.number().int(),
  gpus: z.number(),
  /** 0..1 predicted to miss target x buffer, of requests and of prompt work. */
  late: z.number(),
  lateWork: z.number(),
  /** It keeps the level, by the prediction. */
  holds: z.boolean(),
  /** Why it is the choice, or what speaks against it. */
  why: z.string(),
});

/**
 * What a planner decided: a transition, as published on the pool's transition stream, or a plan that changed nothing, as kept
 * beside all others among the pool's decision records (`from` and `to` are then the same, and `sequence` that of the last
 * transition).
 */
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
  /** In advisory mode: what would have been ordered; null or absent: nothing. */
  advice: z
    .object({ prefill: z.number().int(), decode: z.number().int(), reason: z.string() })
    .nullable()
    .optional(),
  /** Fleets that were considered, fewest GPUs first; empty or absent: not the slow loop's turn. */
  candidates: z.array(candidateSchema).optional(),
  /**
   * What the decision rested on besides the observation, enough to compute it again: the planner's memory before
   * the event, the capacity facts (null: no tick), the policy, and what else the event carried.
   */
  basis: z
    .object({
      memory: z.record(z.string(), z.unknown()),
      facts: z.record(z.string(), z.unknown()).nullable(),
      /** What was learned of the load; absent or null: nothing yet. */
      outlook: z.record(z.string(), z.unknown()).nullable().optional(),
      policy: z.record(z.string(), z.unknown()).optional(),
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
  /** Plan and record only, or order again. */
  z.object({ type: z.literal('advisory'), on: z.boolean() }),
]);
export type OperatorCommand = z.output<typeof operatorCommandSchema>;
