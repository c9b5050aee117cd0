import { z } from 'zod';

/** `vllm` serves whole requests or the decode half; `prefill` serves the prefill half. */
export const workerRoleSchema = z.enum(['vllm', 'prefill']);
export type WorkerRole = z.output<typeof workerRoleSchema>;

export const workerStateSchema = z.enum(['starting', 'ready', 'draining', 'stopped', 'failed']);
export type WorkerState = z.output<typeof workerStateSchema>;

/** An engine's load and capacity at one moment. */
export const engineLoadSchema = z.object({
  maxSequences: z.number().int().min(0),
  runningSequences: z.number().int().min(0),
  /** Accepted by the engine, prefill not begun. */
  waitingSequences: z.number().int().min(0),
  totalKvBlocks: z.number().int().min(0),
  usedKvBlocks: z.number().int().min(0),
  /** Tokens in one KV block. */
  blockTokens: z.number().int().min(1),
  /** Prompt tokens accepted and not yet prefilled. */
  waitingPrefillTokens: z.number().int().min(0),
  /** 0..1 of prompt tokens found in the prefix cache since start; null: no prompt yet. */
  prefixHitRate: z.number().min(0).max(1).nullable(),
  /** Output tokens since start. */
  generatedTokens: z.number().int().min(0),
  preemptions: z.number().int().min(0),
});
export type EngineLoad = z.output<typeof engineLoadSchema>;

/** A worker's heartbeat, kept in Redis as long as the worker lives. */
export const heartbeatSchema = z.object({
  workerId: z.string().min(1),
  pool: z.string().min(1),
  role: workerRoleSchema,
  state: workerStateSchema,
  leaseId: z.string().min(1),
  host: z.string(),
  pid: z.number().int(),
  gpus: z.array(z.string()),
  tp: z.number().int().min(1),
  load: engineLoadSchema.nullable(),
  /** Last lines that an engine process printed while it starts or has failed, oldest first. */
  engineLog: z.array(z.string()).optional(),
  /** Jobs this worker holds now. */
  activeRequests: z.number().int().min(0),
  /** Unix milliseconds. */
  startedAtMs: z.number(),
  readyAtMs: z.number().nullable(),
  atMs: z.number(),
});
export type Heartbeat = z.output<typeof heartbeatSchema>;
