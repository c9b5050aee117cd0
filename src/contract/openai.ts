import { z } from 'zod';

/**
 * What an OpenAI client asked for, as it travels in a job: the value of `params.openai`. `body` is the client's body
 * without what Sluice itself decides: `model`, `stream`, `stream_options`, `n`, `max_tokens` and
 * `max_completion_tokens` (the job's own `maxTokens` counts). It goes to the engine untouched. The job's `prompt` is
 * the text that lengths are estimated by; for `completions` it is also the prompt itself, unless `body.prompt` is there.
 */
export const openaiParamsSchema = z.object({
  endpoint: z.enum(['chat', 'completions']),
  body: z.record(z.string(), z.unknown()),
});
export type OpenaiParams = z.output<typeof openaiParamsSchema>;

/** A request's `params.openai`; undefined: a plain request. Errors: zod's, on one of the wrong shape. */
export function openaiParamsOf(params: Record<string, unknown> | undefined): OpenaiParams | undefined {
  return params?.openai === undefined ? undefined : openaiParamsSchema.parse(params.openai);
}

/** Why an engine stopped, in OpenAI's words. */
export const finishReasonSchema = z.enum(['stop', 'length', 'tool_calls', 'content_filter', 'function_call']);

const count = z.number().int().min(0);

/** How a generation ended, by the engine's word. */
const tokenEndSchema = z.object({
  finishReason: finishReasonSchema,
  /** vLLM's `stop_reason`: the stop string or token id that was met. */
  stopReason: z.union([z.string(), z.number(), z.null()]).optional(),
  usage: z.object({ promptTokens: count, completionTokens: count }).nullable(),
  /** The engine's usage object as it came, for what else it holds (`prompt_tokens_details`, ...). */
  engineUsage: z.record(z.string(), z.unknown()).optional(),
});
export type TokenEnd = z.output<typeof tokenEndSchema>;

/** What a token carries beside its text. */
const tokenDetailSchema = z.object({
  /** The text: `delta.content` or `choices[0].text`. */
  text: z.string().default(''),
  /** `choices[0].delta` as the engine sent it, without `role` and `content`: `tool_calls`, `reasoning_content`, ... */
  delta: z.record(z.string(), z.unknown()).optional(),
  /** `choices[0].logprobs`. */
  logprobs: z.unknown().optional(),
  /** Only on the last entry, which is no token of its own: it has no text and counts in no usage. */
  end: tokenEndSchema.optional(),
});
export type TokenDetail = z.output<typeof tokenDetailSchema>;

/** Begins a token string that holds JSON; RFC 7464 begins a JSON text so (record separator). */
const MARK = '\u001e';

/** The token string of a detail. One that is nothing but text stays plain text. */
export function writeToken(detail: Partial<TokenDetail>): string {
  const { text = '', delta, logprobs, end } = detail;
  const plain = delta === undefined && logprobs === undefined && end === undefined;
  return plain && !text.startsWith(MARK) ? text : MARK + JSON.stringify(detail);
}

/** Whether a token string is nothing but text. */
export function isPlain(token: string): boolean {
  return !token.startsWith(MARK);
}

/** What a token string holds. One that is marked but does not parse is text. */
export function readToken(token: string): TokenDetail {
  if (!token.startsWith(MARK)) return { text: token };
  try {
    return tokenDetailSchema.parse(JSON.parse(token.slice(1)));
  } catch {
    return { text: token };
  }
}

/** The text of token strings, e.g. for a person to read. */
export function textOf(tokens: readonly string[]): string {
  let text = '';
  for (const token of tokens) text += token.startsWith(MARK) ? readToken(token).text : token;
  return text;
}

/** How a generation ended, if the engine has said so. */
export function endOf(tokens: readonly string[]): TokenEnd | undefined {
  const last = tokens.at(-1);
  return last?.startsWith(MARK) === true ? readToken(last).end : undefined;
}
