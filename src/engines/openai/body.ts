import type { OpenaiEngineConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { type OpenaiParams, openaiParamsOf, readToken, textOf } from '../../contract/openai.js';
import type { EngineRequest } from '../engine.js';

/** What an engine knows beyond OpenAI's API, told from its list of models. */
export interface Dialect {
  /** Takes a last assistant message up where it ends (`continue_final_message`). */
  continuesChat: boolean;
  /** Tells usage in every chunk. */
  continuousUsage: boolean;
}

const KNOWN: Record<string, Dialect> = {
  vllm: { continuesChat: true, continuousUsage: true },
  sglang: { continuesChat: true, continuousUsage: true },
  'sluice-sim': { continuesChat: true, continuousUsage: true },
};

/** The dialect of a server by `owned_by` of its models. */
export function dialectOf(ownedBy: string | undefined): Dialect {
  return KNOWN[ownedBy ?? ''] ?? { continuesChat: false, continuousUsage: false };
}

/** Fields that are Sluice's to set: a client must not jump the engine's queue or name other engines to it. */
const OURS = [
  'priority',
  'kv_transfer_params',
  'request_id',
  'max_completion_tokens',
  'n',
  'stream',
  'stream_options',
];

export interface HttpAsk {
  path: '/v1/chat/completions' | '/v1/completions';
  body: Record<string, unknown>;
  /**
   * Tokens of `request.emitted` that the answer repeats: it begins anew and must come out the same. 0: it goes on
   * after them.
   */
  repeats: number;
}

interface Shaping {
  config: OpenaiEngineConfig;
  model: string;
  /** The pool's. */
  priority: number;
  dialect: Dialect;
}

/**
 * The HTTP request for an engine request, one that goes on after what was emitted included.
 * Errors: `cannot_continue` where this engine cannot go on with this answer; `invalid_request` on params of the wrong
 * shape.
 */
export function askOf(request: EngineRequest, shaping: Shaping): HttpAsk {
  const openai = paramsOf(request);
  const chat = openai.endpoint === 'chat';
  const { emitted } = request;
  const body = { ...openai.body };
  for (const key of OURS) delete body[key];
  body.model = shaping.model;
  if (shaping.config.sendPriority) body.priority = shaping.priority;
  if (request.transfer !== undefined && emitted.length === 0) body.kv_transfer_params = request.transfer;
  if (!chat) body.prompt ??= request.prompt;
  const repeats = emitted.length === 0 ? 0 : continueAfter(body, request, chat, shaping.dialect);
  const left = request.maxTokens - emitted.length + repeats;
  body.max_tokens = left;
  if (typeof body.min_tokens === 'number')
    body.min_tokens = Math.min(left, Math.max(0, body.min_tokens - emitted.length + repeats));
  if (request.phase === 'prefill') prefillOnly(body);
  else {
    body.stream = true;
    body.stream_options = shaping.dialect.continuousUsage
      ? { include_usage: true, continuous_usage_stats: true }
      : { include_usage: true };
  }
  return { path: chat ? '/v1/chat/completions' : '/v1/completions', body, repeats };
}

/** vLLM's first half: one token, which the second half makes again, and the KV kept for it. */
function prefillOnly(body: Record<string, unknown>): void {
  delete body.min_tokens;
  body.max_tokens = 1;
  body.stream = false;
  body.kv_transfer_params = {
    do_remote_decode: true,
    do_remote_prefill: false,
    remote_engine_id: null,
    remote_block_ids: null,
    remote_host: null,
    remote_port: null,
  };
}

/** Makes the body one that goes on after the emitted tokens; returns how many of them the answer repeats. */
function continueAfter(
  body: Record<string, unknown>,
  request: EngineRequest,
  chat: boolean,
  dialect: Dialect,
): number {
  const { emitted } = request;
  const text = textOf(emitted);
  const onlyText = emitted.every((token) => readToken(token).delta === undefined);
  if (onlyText && !chat && typeof body.prompt === 'string') {
    body.prompt += text;
    return 0;
  }
  if (onlyText && chat && dialect.continuesChat && Array.isArray(body.messages)) {
    continueChat(body, body.messages, text);
    return 0;
  }
  if (body.temperature === 0 || typeof body.seed === 'number') return emitted.length;
  const what = onlyText
    ? 'this engine cannot take up a message where it ends'
    : 'it holds tool calls or reasoning';
  throw new SluiceError(
    'cannot_continue',
    `the engine was lost after ${emitted.length} tokens and the answer cannot be continued: ${what}, and without ` +
      'temperature 0 or a seed it would not come out the same; send the request again',
  );
}

function continueChat(body: Record<string, unknown>, messages: readonly unknown[], text: string): void {
  const last: unknown = messages.at(-1);
  const begun = body.continue_final_message === true && isTextMessage(last) ? last : null;
  body.messages =
    begun === null
      ? [...messages, { role: 'assistant', content: text }]
      : [...messages.slice(0, -1), { ...begun, content: begun.content + text }];
  body.continue_final_message = true;
  body.add_generation_prompt = false;
}

function isTextMessage(message: unknown): message is { content: string } {
  return (
    typeof message === 'object' &&
    message !== null &&
    'content' in message &&
    typeof message.content === 'string'
  );
}

/** A plain request is a completion with its params as fields. */
function paramsOf(request: EngineRequest): OpenaiParams {
  try {
    return openaiParamsOf(request.params) ?? { endpoint: 'completions', body: { ...request.params } };
  } catch {
    throw new SluiceError(
      'invalid_request',
      'params.openai: expected {endpoint: "chat" | "completions", body: {...}}',
    );
  }
}
