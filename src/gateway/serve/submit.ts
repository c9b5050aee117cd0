import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { SluiceError } from '../../contract/errors.js';
import type { RoutedRequest } from '../../contract/request.js';
import type { RequestHandle } from '../../scheduler/client.js';
import type { TokenHandlers } from '../../scheduler/pending.js';
import type { Caller } from '../caller.js';
import type { Asked } from '../openai/endpoints.js';
import { submissionOf } from '../openai/submission.js';
import type { GatewayServices } from '../services.js';
import { admit } from './admit.js';

/** A key is remembered so long. */
const IDEMPOTENCY_SECONDS = 86_400;
const KEY = /^[\x21-\x7e]{1,255}$/;

export interface Submitted {
  handle: RequestHandle;
  /** It came with an Idempotency-Key: it is to be found again, so it goes on when its client leaves. */
  idempotent: boolean;
}

/**
 * Admits and sends what a client asks for. With the header `idempotency-key` the same request is sent once, and asked
 * again it is found. @param prefix of the id that it gets.
 * Errors: those of `admit`; `conflict` where the key came with another body before.
 */
export async function submit(
  services: GatewayServices,
  caller: Caller,
  headers: IncomingHttpHeaders,
  asked: Asked,
  prefix: string,
  handlers: TokenHandlers,
): Promise<Submitted> {
  if (services.stopping()) throw stoppingError();
  const { client, config } = services;
  const { endpoint, body, prompt } = asked;
  const submission = submissionOf(endpoint, body, prompt, headers, config.gateway.defaultMaxTokens);
  const key = idempotencyKey(headers);
  if (key === undefined) {
    const routed = await admit(services, caller, submission, `${prefix}-${randomUUID()}`);
    return { handle: await sent(services, routed, () => client.send(routed, handlers)), idempotent: false };
  }
  const id = `${prefix}-${digest(`${caller.tenant}\0${key}`).slice(0, 32)}`;
  await assertSame(services, id, asked);
  const known = await client.follow(id, handlers);
  if (known !== undefined) return { handle: known, idempotent: true };
  const found = await client.find(id);
  if (found?.lookup.state === 'ended' && found.lookup.outcome.kind !== 'completed') {
    const { code, message } = found.lookup.outcome;
    throw SluiceError.fromReason(`${code}: ${message}`);
  }
  const routed = await admit(services, caller, submission, id);
  return { handle: await sent(services, routed, () => client.sendOnce(routed, handlers)), idempotent: true };
}

/** Sends an admitted request. One that Redis does not take gives its place and turn back. */
async function sent(
  { client }: GatewayServices,
  routed: RoutedRequest,
  send: () => Promise<RequestHandle>,
): Promise<RequestHandle> {
  try {
    return await send();
  } catch (error) {
    await client.giveTurnBack(routed).catch(() => {});
    throw error;
  }
}

function idempotencyKey(headers: IncomingHttpHeaders): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && KEY.test(key)) return key;
  throw new SluiceError('invalid_request', 'idempotency-key: expected 1 to 255 visible ASCII characters');
}

/** Errors: `conflict` where the id stands for another body. */
async function assertSame(
  { redis, keys }: GatewayServices,
  id: string,
  { endpoint, body }: Asked,
): Promise<void> {
  const print = digest(`${endpoint}\0${JSON.stringify(body)}`);
  const before = await redis.set(keys.idempotency(id), print, 'EX', IDEMPOTENCY_SECONDS, 'NX', 'GET');
  if (before === null || before === print) return;
  throw new SluiceError('conflict', 'idempotency-key: it came with another body before; use a new key');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

export function stoppingError(): SluiceError {
  return new SluiceError('not_running', 'this gateway is shutting down; send the request again', {
    retryAfterSeconds: 1,
  });
}
