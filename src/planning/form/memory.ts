import { z } from 'zod';

const time = z.number().nullable();

/** How a pool serves long prompts: whole, or prefill and then decode. */
export const POOL_FORMS = ['aggregated', 'disaggregated'] as const;
export type PoolForm = (typeof POOL_FORMS)[number];

/** What a planner that chooses the form carries from one tick to the next. Times are Unix ms, null: never. */
export const formMemorySchema = z.object({
  /** As it was seen last; null: no worker was ordered. */
  form: z.enum(POOL_FORMS).nullable(),
  /** When a pool that serves last changed from one form to the other. */
  changedAtMs: time,
  /** GPU-seconds that the other form would have saved, less those that it would have cost, never below 0. */
  saved: z.number().min(0),
  /** Weighings in a row in which the other form saved enough. */
  sightings: z.number().int().min(0),
  /** The prefill workers are to go once enough workers serve whole requests. */
  leaving: z.boolean(),
  weighedAtMs: time,
});
export type FormMemory = z.output<typeof formMemorySchema>;

export const NO_FORM: FormMemory = {
  form: null,
  changedAtMs: null,
  saved: 0,
  sightings: 0,
  leaving: false,
  weighedAtMs: null,
};
