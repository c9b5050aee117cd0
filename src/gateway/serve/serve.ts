import type { FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import type { Outcome, RequestResult } from '../../contract/request.js';
import type { RequestHandle } from '../../scheduler/client.js';
import { callerOf } from '../caller.js';
import { knownError } from '../errors.js';
import { type Asked, FORMATS } from '../openai/endpoints.js';
import type { AnswerHead } from '../openai/format.js';
import type { Hold } from '../revocations.js';
import type { GatewayServices } from '../services.js';
import { onClientGone } from './client-gone.js';
import { EventStream } from './stream.js';
import { submit } from './submit.js';

/** Submits a request, and answers with what comes of it: as a stream or whole. A client that goes away cancels it. */
export async function serve(
  services: GatewayServices,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: Asked,
): Promise<unknown> {
  const { endpoint, body, prompt } = asked;
  const caller = callerOf(request);
  const listener: { onTokens: () => void } = { onTokens: () => {} };
  const prefix = endpoint === 'chat' ? 'chatcmpl' : 'cmpl';
  const handlers = { onTokens: () => listener.onTokens() };
  const { handle, idempotent } = await submit(services, caller, request.headers, asked, prefix, handlers);
  reply.header('x-request-id', handle.id);
  const hold = services.revocations.hold(caller);
  if (services.config.gateway.logPrompts) logPrompt(services, handle, prompt);
  const unwatch = onClientGone(reply.raw, () => {
    if (!idempotent) abandon(services, handle);
  });
  const format = FORMATS[endpoint];
  try {
    if (body.stream !== true) {
      const result = completed(await Promise.race([handle.done, hold.revoked]));
      reply.headers(headersOf(handle));
      return format.whole(headOf(handle), result);
    }
    const answer = () => ({
      headers: { ...plainHeaders(reply), ...headersOf(handle) },
      format: format.stream(headOf(handle)),
    });
    const stream = new EventStream(reply.raw, answer, handle.tokens);
    listener.onTokens = () => stream.write();
    stream.write();
    return await streamed(stream, handle, hold, reply, body.stream_options?.include_usage === true);
  } finally {
    unwatch();
    hold.release();
  }
}

/**
 * Sends the rest of a stream and its end. A request that fails before its first event is answered by its error. One whose
 * caller's key is revoked is cut, however much of it the client has still to take.
 */
export async function streamed(
  stream: EventStream,
  handle: RequestHandle,
  { revoked }: Hold,
  reply: FastifyReply,
  usage: boolean,
): Promise<unknown> {
  const toItsEnd = async () => {
    try {
      await stream.complete(completed(await handle.done), usage);
    } catch (error) {
      if (!stream.begun) throw error;
      await stream.fail(knownError(error));
    }
  };
  try {
    await Promise.race([toItsEnd(), revoked]);
  } catch (error) {
    if (!stream.begun) {
      stream.drop();
      throw error;
    }
    stream.cut(knownError(error));
  }
  reply.hijack();
  return reply;
}

/** The result of a request. Errors: those that the request ended with. */
function completed(outcome: Outcome): RequestResult {
  if (outcome.kind === 'completed') return outcome.result;
  throw SluiceError.fromReason(`${outcome.code}: ${outcome.message}`);
}

/** Nobody waits for it any more: the engine is told, wherever it runs. */
function abandon({ client, log, leaving }: GatewayServices, { id }: RequestHandle): void {
  const cancelled = client
    .cancel(id)
    .catch((error: unknown) => log.warn({ id, err: error }, 'cancel after the client left'))
    .finally(() => leaving.delete(cancelled));
  leaving.add(cancelled);
}

/** Only where the configuration asks for it. */
export function logPrompt({ log }: GatewayServices, { id, done }: RequestHandle, prompt: string): void {
  log.info({ id, prompt }, 'prompt');
  done.then(
    (outcome) =>
      log.info({ id, answer: outcome.kind === 'completed' ? outcome.result.text : null }, 'answer'),
    () => {},
  );
}

export function headOf({
  id,
  model,
  level,
  acceptedAtMs,
}: Pick<RequestHandle, 'id' | 'model' | 'level' | 'acceptedAtMs'>): AnswerHead {
  return { id, model, level, created: Math.floor(acceptedAtMs / 1000) };
}

export function headersOf({ id, level, relegatedFrom }: RequestHandle): Record<string, string> {
  const headers = { 'x-request-id': id, 'x-slo-level': level };
  return relegatedFrom === undefined ? headers : { ...headers, 'x-slo-relegated-from': relegatedFrom };
}

/** Headers that hooks have set, for a response that is written without Fastify. */
export function plainHeaders(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  );
}
