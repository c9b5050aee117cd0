import { z } from 'zod';
import { describeIssues } from '../../admission/limits.js';
import { SluiceError } from '../../contract/errors.js';

const MAX_TOKENS_BOUND = 1_000_000;
const tokens = (what: string) => z.int(what).min(1, what).max(MAX_TOKENS_BOUND, what).nullish();
const TOKENS = `expected a whole number of tokens from 1 to ${MAX_TOKENS_BOUND}`;

/** Milliseconds of a target; a promise of more than a day is none. */
const targetMs = z.number().positive().max(86_400_000);

/**
 * What Sluice adds to OpenAI's bodies, and what it reads of them; null is as good as nothing. Everything else goes to the
 * engine as it came. Of sampling only the kind of value is looked at: what ranges there are is the engine's to say.
 */
const shared = {
  model: z.string().min(1).max(256).nullish().describe('Model to serve the request; any of /v1/models.'),
  stream: z.boolean().nullish().describe('Send the answer as server-sent events.'),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1, 'expected 1: one answer a request').nullish(),
  max_tokens: tokens(TOKENS),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  seed: z.number().nullish(),
  stop: z.union([z.string(), z.array(z.string())], 'expected a text or a list of texts').nullish(),
  slo_level: z
    .string()
    .min(1)
    .max(64)
    .nullish()
    .describe('SLO level: high, medium, low, or another that a pool serves.'),
  service_tier: z
    .string()
    .min(1)
    .max(64)
    .nullish()
    .describe(
      "OpenAI's name of a level: priority (high), default (medium), flex (low); auto and scale: the default level.",
    ),
  slo: z
    .strictObject({ ttft_ms: targetMs.optional(), itl_ms: targetMs.optional() })
    .nullish()
    .describe("Targets of this request in place of its level's."),
  relegate: z
    .boolean()
    .nullish()
    .describe('May be served at a lower level where its own could not be in time; the answer says so.'),
  deadline_ms: z
    .int()
    .min(1)
    .max(604_800_000)
    .nullish()
    .describe('Ends as expired if it still waits after so long.'),
};

const message = z.looseObject({
  role: z.string().min(1),
  content: z
    .union(
      [z.string(), z.array(z.looseObject({ type: z.string() })), z.null()],
      'expected a text, a list of parts or null',
    )
    .optional(),
});

/** Body of `POST /v1/chat/completions`. */
export const chatBodySchema = z.looseObject({
  messages: z.array(message).min(1),
  ...shared,
  max_completion_tokens: tokens(TOKENS),
});
export type ChatBody = z.output<typeof chatBodySchema>;

const tokenIds = z.array(z.int().min(0)).min(1);

/** Body of `POST /v1/completions`. */
export const completionBodySchema = z.looseObject({
  prompt: z.union(
    [z.string(), tokenIds, z.array(z.string()).length(1), z.array(tokenIds).length(1)],
    'expected one prompt: a text, a list of token ids, or a list of one of these',
  ),
  ...shared,
});
export type CompletionBody = z.output<typeof completionBodySchema>;

export type AnyBody = ChatBody | CompletionBody;

/** Errors: `invalid_request`, naming each wrong field. */
export function parseBody<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new SluiceError('invalid_request', describeIssues(parsed.error));
}
