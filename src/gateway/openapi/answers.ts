import { z } from 'zod';
import { ERRORS } from '../../contract/errors.js';

/** What the gateway answers, for its OpenAPI document; a test reads real answers with these. */

const level = z.string().describe('The SLO level that serves it.');
const usage = z.looseObject({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  total_tokens: z.int().min(0),
});
const shared = {
  id: z.string().describe('Also the header x-request-id.'),
  created: z.int().describe('Unix seconds.'),
  model: z.string(),
  service_tier: z.string().describe("OpenAI's name of the level."),
  slo_level: level,
};
const choice = { index: z.literal(0), logprobs: z.unknown().optional() };
const finish = z.string().describe('stop, length, tool_calls, or what the engine says.');

export const errorAnswer = z.object({
  error: z.object({
    message: z.string().describe('What was expected, what came, what to do.'),
    type: z.string(),
    param: z.string().nullable().describe('The field that is wrong.'),
    code: z.enum(Object.keys(ERRORS) as [string, ...string[]]),
  }),
});

export const chatAnswer = z.object({
  object: z.literal('chat.completion'),
  ...shared,
  choices: z.array(
    z.looseObject({
      ...choice,
      message: z.looseObject({ role: z.literal('assistant'), content: z.string().nullable() }),
      finish_reason: finish,
    }),
  ),
  usage,
});

export const chatChunk = z.object({
  object: z.literal('chat.completion.chunk'),
  ...shared,
  choices: z.array(z.looseObject({ ...choice, delta: z.looseObject({}), finish_reason: finish.nullable() })),
  usage: usage.optional(),
});

export const completionAnswer = z.object({
  object: z.literal('text_completion'),
  ...shared,
  choices: z.array(z.looseObject({ ...choice, text: z.string(), finish_reason: finish.nullable() })),
  usage: usage.optional().describe('In a stream: of the last chunk, where stream_options asks for it.'),
});

export const modelAnswer = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  slo_levels: z.array(z.string()).describe('Levels that serve it, the most important first.'),
});

export const modelsAnswer = z.object({ object: z.literal('list'), data: z.array(modelAnswer) });

export const requestAnswer = z.object({
  ...shared,
  object: z.literal('request'),
  status: z.enum(['queued', 'running', 'completed', 'failed', 'expired', 'cancelled']),
  relegated_from: z.string().nullable().describe('The level asked for, where a lower one serves it.'),
  place: z.int().min(0).nullable().describe('Requests before it in the queue; null: it does not wait.'),
  estimated_start: z.int().nullable().describe('Unix seconds.'),
  estimated_finish: z.int().nullable().describe('Unix seconds.'),
  response: z.union([chatAnswer, completionAnswer]).nullable(),
  error: errorAnswer.shape.error.nullable(),
});

const seconds = z.number().nullable().describe('From now; null: no time that can be told.');

export const quoteAnswer = z.object({
  object: z.literal('quote'),
  model: z.string(),
  slo_level: z.string().describe('The level asked for.'),
  prompt_tokens: z.int().min(0),
  max_tokens: z.int().min(1),
  levels: z.array(
    z.object({
      slo_level: z.string(),
      service_tier: z.string(),
      admitted: z.boolean(),
      reason: z.enum(['late', 'deadline', 'full']).nullable().describe('Why it would be refused.'),
      retry_after_seconds: z.number().nullable(),
      predicted: z.object({ start_seconds: seconds, ttft_seconds: seconds, finish_seconds: seconds }),
      targets: z.object({ ttft_seconds: z.number(), itl_seconds: z.number() }),
      price: z.object({
        usd: z.number().nullable(),
        gpu_seconds: z.number().nullable().describe('null: the engine has no profile.'),
      }),
    }),
  ),
});

export const outcomeAnswer = z.object({ outcome: z.string().describe('What came of it, in a sentence.') });

export const healthAnswer = z.object({ status: z.literal('ok') });
