import { z } from 'zod';
import { finishReasonSchema } from './openai.js';

/** OpenAI's `service_tier` names and the SLO levels they stand for. */
export const SERVICE_TIERS = { priority: 'high', default: 'medium', flex: 'low' } as const;

/** Absurd-value bounds; the pool's own limits (config) are tighter. */
const MAX_TOKENS_BOUND = 1_000_000;

const requestId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'expected 1 to 128 of letters, digits, ".", "_", "-"')
  .refine((id) => !/^\d+$/.test(id), 'expected an id that is not a plain number');

/** What a client submits, over Redis or HTTP. Engine parameters stand in `params`; other fields are left out. */
export const submissionSchema = z.object({
  id: requestId.optional(),
  prompt: z.string().min(1, 'expected a text that is not empty'),
  max_tokens: z.number().int().min(1).max(MAX_TOKENS_BOUND).default(128),
  model: z.string().min(1).optional(),
  slo_level: z.string().min(1).optional(),
  service_tier: z.string().min(1).optional(),
  /** Milliseconds from acceptance after which a request that still waits ends as `expired`. */
  deadline_ms: z
    .number()
    .int()
    .min(1)
    .max(7 * 86_400_000)
    .optional(),
  /** Targets of this request in place of its pool's, ms. */
  slo: z
    .object({ ttft_ms: z.number().positive().optional(), itl_ms: z.number().positive().optional() })
    .optional(),
  /** Engine parameters, passed on untouched. */
  params: z.record(z.string(), z.unknown()).optional(),
});
export type Submission = z.input<typeof submissionSchema>;
export type ParsedSubmission = z.output<typeof submissionSchema>;

/** Whose request it is: what its limits and its fair share are counted by. */
export const ownerSchema = z.object({ tenant: z.string().min(1), key: z.string().min(1) });
export type Owner = z.output<typeof ownerSchema>;

/** A request's turn in its pool's fair order, and what it was charged for it (tenants/fair-share.ts). */
const shareSchema = z.object({
  /** Start tag, Unix ms of the pool's order. */
  startMs: z.number(),
  /** The same as its own time, which runs at the pace of what begins; that of its tenant, where that of its key is later. */
  virtualMs: z.number().optional(),
  era: z.number(),
  cost: z.number(),
  tenantMs: z.number(),
  keyMs: z.number(),
  /** Its tenant, or its key, had more than its share when it came. */
  excess: z.boolean().optional(),
  /** When it came, work waited and another tenant had come lately. */
  contended: z.boolean().optional(),
  /** When it came, another tenant had come lately. */
  others: z.boolean().optional(),
});
export type Share = z.output<typeof shareSchema>;

/** A routed request: the data of a job on a pool's queue. Times are Unix milliseconds. */
export const routedRequestSchema = z.object({
  id: z.string().min(1),
  level: z.string().min(1),
  pool: z.string().min(1),
  model: z.string().min(1),
  prompt: z.string().min(1),
  /** ISL, tokens (estimated at routing). */
  isl: z.number().int().min(1),
  /** Most tokens to generate. */
  maxTokens: z.number().int().min(1).max(MAX_TOKENS_BOUND),
  /** When the request was accepted; TTFT counts from here. */
  acceptedAtMs: z.number().int().min(0),
  /** When its first token is due: the key of earliest-deadline-first order. */
  deadlineMs: z.number().int().min(0),
  /** When it ends as expired if it still waits; absent: never. */
  expiresAtMs: z.number().int().min(0).optional(),
  /** It brought that time itself: no pool's terms change it. */
  ownExpiry: z.literal(true).optional(),
  /** Reply channel of the submitting client; absent: nobody listens. */
  replyTo: z.string().min(1).optional(),
  /** The job is the decode half of a prefill -> decode flow. */
  disaggregated: z.literal(true).optional(),
  /** Set by a cancel: whoever takes the job next ends it as cancelled. */
  cancelled: z.literal(true).optional(),
  /** Targets of this request in place of its pool's, seconds. */
  targets: z.object({ ttftSeconds: z.number().optional(), itlSeconds: z.number().optional() }).optional(),
  /** Absent: it came over Redis, not through a gateway with keys. */
  owner: ownerSchema.optional(),
  share: shareSchema.optional(),
  /** The level that was asked for, where a lower one serves it because that one could not have in time. */
  relegatedFrom: z.string().min(1).optional(),
  params: z.record(z.string(), z.unknown()).optional(),
});
export type RoutedRequest = z.output<typeof routedRequestSchema>;

/** A routed request without its content. */
const requestFactsSchema = routedRequestSchema.omit({ prompt: true, params: true });
export type RequestFacts = z.output<typeof requestFactsSchema>;

/** What is kept of a request that left its queue without running: it ended while it waited, or went to another pool. */
export const endRecordSchema = z.object({
  message: z.string(),
  request: requestFactsSchema,
  /** How it ended; absent: cancelled. */
  kind: z.literal('expired').optional(),
  /** It has not ended: this pool, of a lower level, has it now. */
  movedTo: z.string().min(1).optional(),
});
export type EndRecord = z.output<typeof endRecordSchema>;

/** Return value of the job of a request that went on to a pool of a lower level. */
export const movedSchema = z.object({ movedTo: z.string().min(1) });
export type Moved = z.output<typeof movedSchema>;

/** The hand-over from a prefill worker to the decode worker: the return value of a prefill job. */
export const kvHandleSchema = z.object({
  requestId: z.string().min(1),
  /** Worker and engine that hold the KV blocks. */
  workerId: z.string().min(1),
  /** KV cache to move, tokens. */
  kvTokens: z.number().int().min(0),
  startedAtMs: z.number(),
  firstTokenAtMs: z.number().nullable(),
  /** GPU-seconds that the prefill took. */
  gpuSeconds: z.number().min(0).optional(),
  /** What the engine needs to fetch the blocks (vLLM: kv_transfer_params). */
  transfer: z.record(z.string(), z.unknown()).optional(),
});
export type KvHandle = z.output<typeof kvHandleSchema>;

/** The answer: return value of a completed job. Times are Unix milliseconds. */
export const resultSchema = z.object({
  id: z.string(),
  text: z.string(),
  finishReason: finishReasonSchema,
  usage: z.object({ promptTokens: z.number().int(), completionTokens: z.number().int() }),
  /** Strings in the journal, where they are not `usage.completionTokens`; see `entriesOf`. */
  entries: z.number().int().min(0).optional(),
  /** The engine's own usage object and stop reason, where it gave them. */
  engineUsage: z.record(z.string(), z.unknown()).optional(),
  stopReason: z.union([z.string(), z.number(), z.null()]).optional(),
  /** What is not text of the answer: `tool_calls`, `reasoning_content`, `logprobs`, ...; absent: nothing but text. */
  message: z.record(z.string(), z.unknown()).optional(),
  level: z.string(),
  pool: z.string(),
  /** The level that was asked for, where a lower one served it. */
  relegatedFrom: z.string().optional(),
  workerId: z.string(),
  acceptedAtMs: z.number(),
  startedAtMs: z.number(),
  firstTokenAtMs: z.number(),
  finishedAtMs: z.number(),
  ttftSeconds: z.number().min(0),
  /** Mean inter-token latency, seconds; null when fewer than two tokens came. */
  itlSeconds: z.number().min(0).nullable(),
  /** The request's share of its workers' GPU time; absent: not measured. */
  gpuSeconds: z.number().min(0).optional(),
  /** TTFT and mean ITL both within target, of the level that served it. */
  attained: z.boolean(),
});
export type RequestResult = z.output<typeof resultSchema>;

/** Length of the answer's stream: the strings that its journal has and its client hears. */
export function entriesOf(result: RequestResult): number {
  return result.entries ?? result.usage.completionTokens;
}

/** How a request ended; each accepted request ends in exactly one of these. */
export type Outcome =
  | { kind: 'completed'; result: RequestResult }
  | { kind: 'failed' | 'expired' | 'cancelled'; code: string; message: string };
