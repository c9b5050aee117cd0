import type { Readable } from 'node:stream';
import { Agent } from 'undici';
import { SluiceError } from '../../contract/errors.js';
import { isRecord, parseJson } from '../../contract/reply.js';
import { outgoingHeaders } from '../../tracing/tracing.js';

export interface ClientOptions {
  /** Without a slash at its end. */
  url: string;
  apiKey: string | null;
  connectTimeoutMs: number;
  /** Until the head of an answer is complete. */
  headTimeoutMs: number;
  /** Takes what the engine said when it refused the key; who asked is not told. */
  onKeyRefused?: (said: string) => void;
}

/** An error body says what it has to in so much. */
const ERROR_BYTES = 64 * 1024;
const HEAD_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 30_000;

/** HTTP to one engine over connections that are kept. */
export class EngineClient {
  readonly #agent: Agent;
  readonly #origin: string;
  readonly #path: string;

  constructor(private readonly options: ClientOptions) {
    const url = new URL(options.url);
    this.#origin = url.origin;
    this.#path = url.pathname.replace(/\/$/, '');
    this.#agent = new Agent({
      connect: { timeout: options.connectTimeoutMs },
      headersTimeout: options.headTimeoutMs,
      // Gaps between tokens are watched by the request itself, which tells tokens from what only keeps a line open.
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: HEAD_BYTES,
    });
  }

  /**
   * Sends a request; resolves with the body of a 200 of the wanted content type.
   * Errors: as `statusError`; `engine_failed` when it cannot be reached; `engine_protocol` on another content type.
   */
  async post(
    path: string,
    body: unknown,
    name: string,
    type: 'text/event-stream' | 'application/json',
    signal: AbortSignal,
  ): Promise<Readable> {
    const answer = await this.#agent.request({
      origin: this.#origin,
      path: this.#path + path,
      method: 'POST',
      headers: {
        ...this.#headers(),
        ...outgoingHeaders(),
        'content-type': 'application/json',
        'x-request-id': name,
        accept: type,
      },
      body: JSON.stringify(body),
      signal,
    });
    const { statusCode, headers } = answer;
    if (statusCode !== 200) {
      const text = await readText(answer.body, ERROR_BYTES, true);
      const said = this.withoutKey(messageOf(text));
      if (statusCode === 401 || statusCode === 403)
        this.options.onKeyRefused?.(`the engine answered ${statusCode} to its key: ${said}`);
      throw aboutField(statusError(statusCode, said), text, body);
    }
    const got = String(headers['content-type'] ?? 'none');
    if (!got.toLowerCase().startsWith(type)) {
      answer.body.destroy();
      throw new SluiceError(
        'engine_protocol',
        `expected ${type} from the engine, got content type ${got.slice(0, 100)}`,
      );
    }
    return answer.body;
  }

  /** Asks for something small; rejects when the engine cannot be reached in time. */
  async get(path: string, limitMs: number, mostBytes: number): Promise<{ status: number; text: string }> {
    const answer = await this.#agent.request({
      origin: this.#origin,
      path: this.#path + path,
      method: 'GET',
      headers: this.#headers(),
      signal: AbortSignal.timeout(limitMs),
    });
    return { status: answer.statusCode, text: await readText(answer.body, mostBytes) };
  }

  /** What the engine says of a failure, which may repeat what it was sent, with its key as `***`. */
  withoutKey(text: string): string {
    const { apiKey } = this.options;
    return apiKey === null ? text : text.replaceAll(apiKey, '***');
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  #headers(): Record<string, string> {
    return this.options.apiKey === null ? {} : { authorization: `Bearer ${this.options.apiKey}` };
  }
}

/** The whole text of a body. Errors: `engine_protocol` beyond `mostBytes`, or the beginning of it when `cut`. */
export async function readText(body: Readable, mostBytes: number, cut = false): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    if (!Buffer.isBuffer(part)) continue;
    parts.push(part);
    bytes += part.length;
    if (bytes <= mostBytes) continue;
    if (cut) break;
    throw new SluiceError(
      'engine_protocol',
      `the engine sent more than ${mostBytes} bytes where less was expected`,
    );
  }
  return Buffer.concat(parts).toString('utf8', 0, mostBytes);
}

/** What undici throws: no connection, no answer in time, a head that does not end. */
export function unreachable(error: unknown): SluiceError {
  const reason = error instanceof Error ? error.message || error.name : String(error);
  return new SluiceError('engine_failed', `the engine cannot be reached: ${reason}`, { cause: error });
}

/** Refusals that are not of the request: of the key, the model, or because the server is busy. */
const NOT_THE_REQUEST = new Set([401, 403, 404, 407, 408, 425, 429]);

/** What an answer other than 200 means for the request; `said` is the engine's reason. */
function statusError(status: number, said: string): SluiceError {
  const what = `the engine answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (
    status === 413 ||
    (status === 400 && /context length|context_length|too long|too many tokens/i.test(said))
  )
    return new SluiceError('prompt_too_long', what);
  if (status === 401 || status === 403)
    return new SluiceError(
      'engine_failed',
      'the engine refused the key that engine.api_key_env names, or wants one; what it said is in the log',
    );
  if (status >= 400 && status < 500 && !NOT_THE_REQUEST.has(status))
    return new SluiceError('invalid_request', what);
  return new SluiceError('engine_failed', what);
}

/** A refusal of one field of what was sent names it first, as ours do. */
function aboutField(error: SluiceError, text: string, sent: unknown): SluiceError {
  const body = parseJson(text);
  const param = isRecord(body) && isRecord(body.error) ? body.error.param : undefined;
  if (error.code !== 'invalid_request' || typeof param !== 'string' || !isRecord(sent)) return error;
  const [field = ''] = param.split(/[.[]/, 1);
  if (!Object.hasOwn(sent, field)) return error;
  return new SluiceError(error.code, `${param.slice(0, 100)}: ${error.message}`);
}

function messageOf(text: string): string {
  const body = parseJson(text);
  const error = isRecord(body) && isRecord(body.error) ? body.error : body;
  const message = isRecord(error) ? (error.message ?? error.detail) : undefined;
  return (typeof message === 'string' ? message : text).trim().slice(0, 500);
}
