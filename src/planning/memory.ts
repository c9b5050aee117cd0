import { z } from 'zod';
import { scaleOrderSchema } from '../contract/scale.js';
import { formMemorySchema } from './form/memory.js';
import { replicasSchema } from './replicas.js';

const time = z.number().nullable();
const sightings = z.number().int().min(0);

/** What a planner carries from one tick to the next. Plain JSON; times are Unix ms, null: never. */
export const memorySchema = z.object({
  /** Replicas last ordered (at first: what the pool holds). */
  desired: replicasSchema,
  /** An operator's floor of decode workers; null: the configured one. */
  floor: z.number().int().min(0).nullable(),
  /** An operator's word on advisory mode; null: as configured. */
  advisory: z.boolean().nullable().default(null),
  /** Replicas that were last advised, in advisory mode; null: what there is will do. */
  advised: replicasSchema.nullable().default(null),
  /** Of the newest order. Only rises. */
  generation: z.number().int().min(0),
  /** The newest order until the allocator has answered it; it is sent again until then. */
  order: scaleOrderSchema.nullable(),
  orderedAtMs: time,
  /** Orders that failed in a row. */
  failures: z.number().int().min(0),
  /** When the last good plan is ordered again after a failure. */
  retryAtMs: time,
  /** Replicas before the last scale-down, until its drain has finished: what a returning load takes back. */
  drainFrom: replicasSchema.nullable(),
  lastTrafficAtMs: time,
  lastSpikeAtMs: time,
  /** Last order for more. */
  lastMoreAtMs: time,
  /** Last tick at which fewer workers were ready than ordered: latency seen before its end tells of the past. */
  lastShortAtMs: time,
  /** Last run of the slow loop. */
  lastSlowAtMs: time,
  /** Sightings in a row of a need for more: of each role by saturation, and by the forecast. */
  sightings: z.object({ prefill: sightings, decode: sightings, forecast: sightings }),
  /** Of a pool that chooses its form; absent: it does not, or nothing was weighed yet. */
  form: formMemorySchema.optional(),
});
export type PlannerMemory = z.output<typeof memorySchema>;

/**
 * The memory of a planner without a past. A pool that holds workers may have traffic that the planner has not
 * seen, so its idle time begins now; an empty pool is idle until something comes.
 */
export function freshMemory(
  held: PlannerMemory['desired'],
  generation: number,
  nowMs: number,
): PlannerMemory {
  return {
    desired: held,
    floor: null,
    advisory: null,
    advised: null,
    generation,
    order: null,
    orderedAtMs: null,
    failures: 0,
    retryAtMs: null,
    drainFrom: null,
    lastTrafficAtMs: held.prefill + held.decode > 0 ? nowMs : null,
    lastSpikeAtMs: null,
    lastMoreAtMs: null,
    lastShortAtMs: null,
    lastSlowAtMs: null,
    sightings: { prefill: 0, decode: 0, forecast: 0 },
  };
}
