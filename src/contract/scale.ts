import { z } from 'zod';

const replicas = z.number().int().min(0).max(4096);

/** A scale order: the replicas a pool should have, never a difference. Data of a job on queue `scale`. */
export const scaleOrderSchema = z.object({
  pool: z.string().min(1),
  /** Only rises; an order older than the last applied is dropped. */
  generation: z.number().int().min(1),
  prefill: replicas,
  /** Decode or aggregated workers. */
  decode: replicas,
  reason: z.string().min(1),
  observationId: z.string().min(1),
});
export type ScaleOrder = z.output<typeof scaleOrderSchema>;

/** What the allocator answered: the return value of a scale job, also kept as the pool's last grant. */
export const scaleGrantSchema = z.object({
  pool: z.string(),
  generation: z.number().int(),
  /** `applied`: all granted. `partial`: fewer than asked, the rest is retried as GPUs come free. `stale`: dropped. */
  status: z.enum(['applied', 'partial', 'stale']),
  asked: z.object({ prefill: z.number().int(), decode: z.number().int() }),
  granted: z.object({ prefill: z.number().int(), decode: z.number().int() }),
  /** Why a grant is partial. */
  shortage: z.enum(['none', 'budget', 'inventory', 'placement', 'crash-loop']),
  atMs: z.number(),
});
export type ScaleGrant = z.output<typeof scaleGrantSchema>;
