import { z } from 'zod';

const limit = z.number().positive().nullable();

/** An API key as it is kept: never the secret itself, only its hash. null: no such limit. */
export const apiKeySchema = z.object({
  id: z.string().min(1),
  /** Who pays and shares: fairness is between tenants first, then between the keys of one. */
  tenant: z.string().min(1),
  name: z.string(),
  /** SHA-256 of the secret, hex. The secret has 256 random bits, so that no slow hash is needed. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Highest SLO level that it may use; null: every level. */
  maxLevel: z.string().nullable(),
  /** A request beyond `maxLevel` is served at `maxLevel`, or refused. */
  beyond: z.enum(['clamp', 'refuse']),
  requestsPerMinute: limit,
  /** Prompt and output tokens; the output counts as asked for until it has ended. */
  tokensPerMinute: limit,
  /** Requests waiting or running at once. */
  concurrent: limit,
  /** GPU-seconds that its requests may use; `periodSeconds` null: once for all. */
  budget: z
    .object({ gpuSeconds: z.number().positive(), periodSeconds: z.number().positive().nullable() })
    .nullable(),
  /** May see and operate the whole system: the dashboard, the queue boards. Keys of before had no such right. */
  operator: z.boolean().default(false),
  /** Unix ms. */
  createdAtMs: z.number(),
  revokedAtMs: z.number().nullable(),
});
export type ApiKey = z.output<typeof apiKeySchema>;

/** A message to every gateway: this key works no longer. */
export const revocationSchema = z.object({ key: z.string() });
