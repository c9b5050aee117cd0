import { z } from 'zod';

/** Arrivals are looked at this late, so that what recorders hold has been flushed. */
const ARRIVAL_LAG_MS = 1_000;

/** Unix second of the newest entry of `load.arrivals` of an observation at `atMs`. */
export function newestSecond(atMs: number): number {
  return Math.floor((atMs - ARRIVAL_LAG_MS) / 1000) - 1;
}

const count = z.number().min(0);
const roleCounts = z.object({ starting: count, ready: count, draining: count });

/** Shares of all requests, shortest prompts first, by whose mean ISL recent prompts are told: long ones finer. */
export const PROMPT_SHARES = [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.025, 0.015, 0.01] as const;

/**
 * What a planner sees at one moment. `null` means unknown, and unknown is never zero: a planner holds.
 */
export const observationSchema = z.object({
  id: z.string().min(1),
  pool: z.string().min(1),
  /** Unix milliseconds. */
  atMs: z.number(),
  /** Age of the oldest part of the telemetry that this observation rests on, seconds; null: none at all. */
  telemetryAgeSeconds: z.number().min(0).nullable(),
  /** Seconds since the allocator was last heard; null: never. */
  allocatorAgeSeconds: z.number().min(0).nullable(),
  queue: z.object({
    /** Requests waiting for prefill (or for an aggregated worker). */
    prefillWaiting: count.nullable(),
    /** Requests prefilled elsewhere that wait for a decode worker. */
    decodeWaiting: count.nullable(),
    /** Prompt tokens waiting, in the queue and inside engines. */
    waitingTokens: count.nullable(),
    /** Of those that wait, requests that were predicted to miss their target and stand aside. */
    lateWaiting: count.nullable(),
    /** Prompt tokens of those; part of `waitingTokens`. */
    lateTokens: count.nullable(),
    /** Seconds the oldest waiting request has waited; null: unknown or empty queue. */
    oldestWaitSeconds: z.number().min(0).nullable(),
  }),
  workers: z.object({ prefill: roleCounts, decode: roleCounts }),
  load: z.object({
    /** Requests that arrived in each whole second, oldest first; null: no count for that second. */
    arrivals: z.array(count.nullable()),
    running: count.nullable(),
    /** 0..1 over ready decode workers, queued-for-KV requests counted as demand may exceed 1; null: no ready worker. */
    kvUsage: z.number().min(0).nullable(),
    /** Mean ISL and OSL of recent requests, tokens; null: none seen. */
    isl: z.number().min(0).nullable(),
    osl: z.number().min(0).nullable(),
    /** ISL of recent arrivals, tokens: the means of the classes of `PROMPT_SHARES`; null: none seen. */
    prompts: z.array(z.number().min(0)).nullable(),
  }),
  latency: z.object({
    /** Requests that ended inside the window. */
    requests: count,
    /** At the pool's watched percentile, seconds; null: no sample. */
    ttftSeconds: z.number().min(0).nullable(),
    itlSeconds: z.number().min(0).nullable(),
    /** 0..1 of ended requests that missed their SLO; null: none ended. */
    violationShare: z.number().min(0).max(1).nullable(),
  }),
  /** The allocator's last word; null: no order yet. */
  grant: z
    .object({
      generation: z.number().int(),
      prefill: count,
      decode: count,
      shortage: z.enum(['none', 'budget', 'inventory', 'placement', 'crash-loop']),
    })
    .nullable(),
  /** Measured seconds from lease to ready, recent workers; null: not measured yet. */
  coldStartSeconds: z.number().min(0).nullable(),
});
export type PoolObservation = z.output<typeof observationSchema>;
