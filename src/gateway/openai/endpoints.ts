import { SluiceError } from '../../contract/errors.js';
import type { OpenaiParams } from '../../contract/openai.js';
import { chatFormat } from './chat-format.js';
import { completionFormat } from './completion-format.js';
import type { AnswerFormat } from './format.js';
import { chatPrompt, completionPrompt } from './prompt-text.js';
import { type AnyBody, chatBodySchema, completionBodySchema, parseBody } from './schemas.js';

export type Endpoint = OpenaiParams['endpoint'];

/** What a client asks of an endpoint that generates. */
export interface Asked {
  endpoint: Endpoint;
  body: AnyBody;
  /** The prompt as text. */
  prompt: string;
}

export const FORMATS: Record<Endpoint, AnswerFormat> = { chat: chatFormat, completions: completionFormat };
export const PATHS: Record<Endpoint, string> = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
};

/** Reads the body of an endpoint. Errors: `invalid_request`, naming each wrong field. */
export function readAsked(endpoint: Endpoint, input: unknown): Asked {
  if (endpoint === 'chat') {
    const body = parseBody(chatBodySchema, input);
    return { endpoint, body, prompt: chatPrompt(body) };
  }
  const body = parseBody(completionBodySchema, input);
  return { endpoint, body, prompt: completionPrompt(body.prompt) };
}

/** Reads a body of either endpoint: `messages` are a chat, a `prompt` is a completion. Errors: `invalid_request`. */
export function readEither(input: unknown): Asked {
  if (typeof input === 'object' && input !== null) {
    if ('messages' in input) return readAsked('chat', input);
    if ('prompt' in input) return readAsked('completions', input);
  }
  throw new SluiceError('invalid_request', 'body: expected an object with messages or a prompt');
}
