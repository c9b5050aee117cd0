import { z } from 'zod';
import { estimateTokens } from '../../contract/tokens.js';
import { readAttemptId } from '../attempt-id.js';
import type { EngineRequest } from '../engine.js';

/** An answer other than 200, in OpenAI's shape. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly param: string | null = null,
  ) {
    super(message);
  }
}

/** 400 that names each wrong field. */
export function wrongFields({ issues }: z.ZodError): HttpError {
  const wrong = issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  return new HttpError(400, 'BadRequestError', wrong.join('; '), issues[0]?.path.join('.') ?? null);
}

const limit = z.number().int().min(1).nullish();
const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const message = z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(part)]).nullish() });
/** Token ids. */
const ids = z.array(z.number().int().min(0)).min(1);
const bodySchema = z.looseObject({
  model: z.string().nullish(),
  messages: z.array(message).min(1).optional(),
  prompt: z.union([z.string(), z.tuple([z.string()]), ids, z.tuple([ids])]).optional(),
  max_tokens: limit,
  max_completion_tokens: limit,
  n: z.literal(1).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.boolean().nullish() })
    .nullish(),
  stop: z.union([z.string(), z.array(z.string())]).nullish(),
  logprobs: z.union([z.boolean(), z.number()]).nullish(),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).nullish(),
  tool_choice: z.union([z.string(), z.looseObject({ function: z.object({ name: z.string() }) })]).nullish(),
  continue_final_message: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  kv_transfer_params: z.looseObject({}).nullish(),
});

/** The part of vLLM's `kv_transfer_params` that a decode request must bring. */
export const remoteKvSchema = z.looseObject({
  do_remote_prefill: z.literal(true),
  remote_engine_id: z.string(),
  remote_request_id: z.string(),
  remote_block_ids: z.array(z.number()),
  remote_host: z.string(),
  remote_port: z.number().int(),
});
export type RemoteKv = z.output<typeof remoteKvSchema>;

/** A request as the server understood it. */
export interface Asked {
  chat: boolean;
  /** In the answer: `chatcmpl-...` or `cmpl-...`. */
  responseId: string;
  engine: EngineRequest;
  stream: boolean;
  includeUsage: boolean;
  continuousUsage: boolean;
  stop: string[];
  logprobs: boolean;
  /** Function that the answer is a call of; null: it is text. */
  tool: string | null;
  /** Keep the KV of the prompt for a decode engine. */
  keepsKv: boolean;
  /** Fetch the KV of the prompt from a prefill engine. */
  remoteKv: RemoteKv | null;
}

const DEFAULT_TOKENS = { chat: 128, completions: 16 };

/**
 * Reads the body of a chat or completions request. `name` is the X-Request-Id, or a fresh id.
 * Errors: HttpError 400 that names each wrong field; 404 on a model other than `model`.
 */
export function readAsked(chat: boolean, raw: unknown, name: string, model: string): Asked {
  const parsed = bodySchema.safeParse(raw);
  if (!parsed.success) throw wrongFields(parsed.error);
  const body = parsed.data;
  if (body.model != null && body.model !== model) {
    throw new HttpError(404, 'NotFoundError', `The model \`${body.model}\` does not exist.`, 'model');
  }
  const { id, emitted: emittedByName } = readAttemptId(name);
  const { prompt, tokens, emitted } = chat ? chatPrompt(body) : textPrompt(body.prompt, emittedByName);
  if (prompt === undefined) {
    const field = chat ? 'messages' : 'prompt';
    throw new HttpError(400, 'BadRequestError', `${field}: expected it to be given`, field);
  }
  const most = body.max_completion_tokens ?? body.max_tokens;
  const maxTokens = most ?? (chat ? DEFAULT_TOKENS.chat : DEFAULT_TOKENS.completions);
  const { keepsKv, remoteKv } = kvTransfer(body.kv_transfer_params ?? {}, maxTokens);
  const stop = body.stop == null ? [] : typeof body.stop === 'string' ? [body.stop] : body.stop;
  return {
    chat,
    responseId: `${chat ? 'chatcmpl' : 'cmpl'}-${name}`,
    engine: {
      id,
      prompt,
      // A completion's prompt holds what was emitted; a chat's is its last message, which `prompt` leaves out.
      isl: Math.max(1, (tokens ?? estimateTokens(prompt)) - (chat ? 0 : emitted)),
      maxTokens: emitted + maxTokens,
      emitted: Array.from({ length: emitted }, () => ''),
      phase: keepsKv ? 'prefill' : remoteKv !== null ? 'decode' : 'whole',
    },
    stream: body.stream === true,
    includeUsage: body.stream_options?.include_usage === true,
    continuousUsage: body.stream_options?.continuous_usage_stats === true,
    stop: stop.filter((text) => text !== ''),
    logprobs: body.logprobs === true || typeof body.logprobs === 'number',
    tool: chat ? toolOf(body) : null,
    keepsKv,
    remoteKv,
  };
}

type Body = z.output<typeof bodySchema>;

interface Prompt {
  prompt: string | undefined;
  /** Where they need no estimate: it came as ids. */
  tokens?: number;
  emitted: number;
}

/** A completion's prompt, of which ids stand for themselves: a list of one is that one, as vLLM has it. */
function textPrompt(given: Body['prompt'], emitted: number): Prompt {
  const [first] = Array.isArray(given) ? given : [given];
  if (first === undefined || typeof first === 'string') return { prompt: first, emitted };
  const tokens = typeof first === 'number' ? [given].flat() : first;
  return { prompt: tokens.join(' '), tokens: tokens.length, emitted };
}

/** The text that a chat's messages stand for, and the tokens of a last message that is to be continued. */
function chatPrompt(body: Body): Prompt {
  const { messages, continue_final_message, add_generation_prompt } = body;
  if (messages === undefined) return { prompt: undefined, emitted: 0 };
  if (continue_final_message === true && add_generation_prompt !== false) {
    const both = 'continue_final_message and add_generation_prompt cannot both be true';
    throw new HttpError(400, 'BadRequestError', both, 'continue_final_message');
  }
  const continued = continue_final_message === true ? messages.at(-1) : undefined;
  const read = continued === undefined ? messages : messages.slice(0, -1);
  const prompt = read.map((each) => `${each.role}\n${contentOf(each.content)}`).join('\n');
  return { prompt, emitted: continued === undefined ? 0 : estimateTokens(contentOf(continued.content)) };
}

function contentOf(content: z.output<typeof message>['content']): string {
  if (content == null) return '';
  return typeof content === 'string' ? content : content.map(({ text }) => text ?? '').join(' ');
}

function toolOf({ tools, tool_choice }: Body): string | null {
  if (tools == null || tools.length === 0 || tool_choice == null) return null;
  if (typeof tool_choice !== 'string') return tool_choice.function.name;
  return tool_choice === 'required' ? (tools[0]?.function.name ?? null) : null;
}

function kvTransfer(params: Record<string, unknown>, maxTokens: number): Pick<Asked, 'keepsKv' | 'remoteKv'> {
  if (params.do_remote_decode === true) {
    if (maxTokens !== 1) {
      throw new HttpError(
        400,
        'BadRequestError',
        `max_tokens: expected 1 with do_remote_decode, got ${maxTokens}`,
      );
    }
    return { keepsKv: true, remoteKv: null };
  }
  if (params.do_remote_prefill !== true) return { keepsKv: false, remoteKv: null };
  const remote = remoteKvSchema.safeParse(params);
  if (remote.success) return { keepsKv: false, remoteKv: remote.data };
  const wrong = remote.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new HttpError(400, 'BadRequestError', `kv_transfer_params: ${wrong}`, 'kv_transfer_params');
}
