import { createHash, randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { SluiceError } from '../../contract/errors.js';
import type { RoutedRequest } from '../../contract/request.js';
import type { RequestHandle } from '../../scheduler/client.js';
import type { TokenHandlers } from '../../scheduler/pending.js';
import type { Found } from '../../scheduler/pool-router.js';
import type { Caller } from '../caller.js';
import type { Asked } from '../openai/endpoints.js';
import { submissionOf } from '../openai/submission.js';
import type { GatewayServices, SendServices } from '../services.js';
import { type AdmitTerms, admit } from './admit.js';
import { logFailure } from './failure-log.js';
import { holdKey, type KeyHold } from './idempotency.js';

const KEY = /^[\x21-\x7e]{1,255}$/;

export interface Submitted {
  handle: RequestHandle;
  /** It came with an Idempotency-Key: it is to be found again, so it goes on when its client leaves. */
  idempotent: boolean;
}

/**
 * Admits and sends what a client asks for. With the header `idempotency-key` the same request is sent once, and asked
 * again it is found; one that is refused leaves the key free. @param prefix of the id that it gets; @param patient nobody
 * holds a connection for it; @param webhook is part of what its key stands for. Errors: those of `admit`; `conflict` where
 * the key came with another body before, or what it stood for is no longer kept.
 */
export async function submit(
  services: GatewayServices,
  caller: Caller,
  headers: IncomingHttpHeaders,
  asked: Asked,
  prefix: string,
  handlers: TokenHandlers,
  { patient = false, webhook }: { patient?: boolean; webhook?: string | undefined } = {},
): Promise<Submitted> {
  if (services.stopping()) throw stoppingError();
  const { client, config } = services;
  const { endpoint, body, prompt } = asked;
  const submission = submissionOf(endpoint, body, prompt, headers, config.gateway.defaultMaxTokens);
  const key = idempotencyKey(headers);
  const terms = { ...termsOf(headers, asked), patient };
  if (key === undefined) {
    const routed = await admit(services, caller, submission, `${prefix}-${randomUUID()}`, terms);
    return { handle: await sent(services, routed, () => client.send(routed, handlers)), idempotent: false };
  }
  const hold = await holdOf(
    services,
    caller,
    key,
    printOf(asked, submission.slo_level, terms.relegate, webhook),
    prefix,
  );
  const admitted = () => {
    // It ran: without its answer it must not run again.
    if (hold.before) throw notKept(hold.id);
    return admit(services, caller, submission, hold.id, terms).catch(async (error: unknown) => {
      await hold.release().catch(() => {});
      throw error;
    });
  };
  const handle = await sendAs(services, hold.id, admitted, handlers);
  if (!hold.before) await hold.accepted().catch(() => {});
  return { handle, idempotent: true };
}

function notKept(id: string): SluiceError {
  return new SluiceError(
    'conflict',
    `idempotency-key: its request ${id} has been served, and its answer is no longer kept; use a new key to run it again`,
  );
}

/** Admits and sends a request under an id that stands for it: sent before, it is found. Errors: those of `admitted`. */
export async function sendAs(
  services: SendServices,
  id: string,
  admitted: () => Promise<RoutedRequest>,
  handlers: TokenHandlers,
): Promise<RequestHandle> {
  const { client } = services;
  const known = await sentBefore(services, id, handlers);
  if (known !== undefined) return known;
  const routed = await admitted();
  return sent(services, routed, () => client.sendOnce(routed, handlers));
}

/** The request that was sent under an id; undefined: none was, or what is kept of it is gone. */
export async function sentBefore(
  { client }: Pick<SendServices, 'client'>,
  id: string,
  handlers?: TokenHandlers,
): Promise<RequestHandle | undefined> {
  return (await client.follow(id, handlers)) ?? endedHandle(await client.find(id));
}

/** What the client allows, and by what it is known when it comes again. */
export function termsOf(
  headers: IncomingHttpHeaders,
  { endpoint, body }: Asked,
): Omit<AdmitTerms, 'patient'> {
  const key = idempotencyKey(headers);
  return {
    relegate: body.relegate ?? headers['x-slo-relegate'] === 'true',
    digest: () => digest(key ?? `${endpoint}\0${JSON.stringify(body)}`).slice(0, 22),
  };
}

/** Sends an admitted request. One that Redis does not take gives its place and turn back. */
async function sent(
  { client, admission, log }: SendServices,
  routed: RoutedRequest,
  send: () => Promise<RequestHandle>,
): Promise<RequestHandle> {
  const held = admission.hold(routed);
  try {
    const handle = await send();
    held.durable();
    // Sent before, it is told of by whoever sent it.
    if (handle.again !== true) logFailure(log, routed, handle);
    return handle;
  } catch (error) {
    held.dropped();
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

/** The id that a tenant's key stands for: a random one, so that who knows the key of a request does not know its id. */
function holdOf(
  { redis, keys }: GatewayServices,
  { tenant }: Caller,
  key: string,
  print: string,
  prefix: string,
): Promise<KeyHold> {
  const name = keys.idempotency(digest(`${prefix}\0${tenant}\0${key}`));
  return holdKey(redis, name, print, `${prefix}-${randomUUID()}`);
}

/** Fingerprint of all that is asked for. Level and leave to relegate may have come as headers. */
function printOf(
  { endpoint, body }: Asked,
  level: string | undefined,
  relegate: boolean,
  webhook: string | undefined,
): string {
  return digest(JSON.stringify([endpoint, body, level, relegate, webhook]));
}

/** A request whose content is gone with its end; undefined: there is none, or it has not ended. */
function endedHandle(found: Found | undefined): RequestHandle | undefined {
  if (found?.lookup.state !== 'ended') return undefined;
  const { id, pool, level, model, acceptedAtMs, deadlineMs } = found.request;
  const done = Promise.resolve(found.lookup.outcome);
  return { id, pool, level, model, acceptedAtMs, deadlineMs, tokens: [], done };
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

export function stoppingError(): SluiceError {
  return new SluiceError('not_running', 'this gateway is shutting down; send the request again', {
    retryAfterSeconds: 1,
  });
}
