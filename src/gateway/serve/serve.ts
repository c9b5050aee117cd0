import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import type { OpenaiParams } from '../../contract/openai.js';
import type { Outcome, RoutedRequest } from '../../contract/request.js';
import type { TokenHandlers } from '../../scheduler/pending.js';
import type { RequestHandle } from '../../scheduler/client.js';
import { callerOf } from '../caller.js';
import { knownError } from '../errors.js';
import type { AnswerFormat, AnswerHead } from '../openai/format.js';
import type { AnyBody } from '../openai/schemas.js';
import { submissionOf } from '../openai/submission.js';
import type { GatewayServices } from '../services.js';
import { admit } from './admit.js';
import { onClientGone } from './client-gone.js';
import { EventStream } from './stream.js';

/** One request to an endpoint that generates. */
export interface Asked {
  endpoint: OpenaiParams['endpoint'];
  body: AnyBody;
  /** The prompt as text. */
  prompt: string;
  format: AnswerFormat;
}

/** Submits a request, and answers with what comes of it: as a stream or whole. A client that goes away cancels it. */
export async function serve(
  services: GatewayServices,
  request: FastifyRequest,
  reply: FastifyReply,
  { endpoint, body, prompt, format }: Asked,
): Promise<unknown> {
  const { config } = services;
  if (services.stopping()) throw stoppingError();
  const submission = submissionOf(endpoint, body, prompt, request.headers, config.gateway.defaultMaxTokens);
  const freshId = `${endpoint === 'chat' ? 'chatcmpl' : 'cmpl'}-${randomUUID()}`;
  const listener: { onTokens: () => void } = { onTokens: () => {} };
  const caller = callerOf(request);
  const routed = await admit(services, caller, submission, freshId);
  const handle = await sent(services, routed, { onTokens: () => listener.onTokens() });
  const release = caller.key === null ? undefined : services.revocations.hold(caller.key.id);
  if (config.gateway.logPrompts) logPrompt(services, handle, prompt);
  const unwatch = onClientGone(reply.raw, () => abandon(services, handle));
  try {
    if (body.stream !== true) {
      const result = completed(await handle.done);
      reply.headers(headersOf(handle));
      return format.whole(headOf(handle), result);
    }
    const headers = { ...plainHeaders(reply), ...headersOf(handle) };
    const stream = new EventStream(reply.raw, headers, format.stream(headOf(handle)), handle.tokens);
    listener.onTokens = () => stream.write();
    stream.write();
    return await streamed(stream, handle, reply, body.stream_options?.include_usage === true);
  } finally {
    unwatch();
    release?.();
  }
}

/** Sends an admitted request. One that Redis does not take gives its place and turn back. */
async function sent(
  { client }: GatewayServices,
  routed: RoutedRequest,
  handlers: TokenHandlers,
): Promise<RequestHandle> {
  try {
    return await client.send(routed, handlers);
  } catch (error) {
    await client.giveTurnBack(routed).catch(() => {});
    throw error;
  }
}

async function streamed(
  stream: EventStream,
  handle: RequestHandle,
  reply: FastifyReply,
  usage: boolean,
): Promise<unknown> {
  try {
    const result = completed(await handle.done);
    reply.hijack();
    await stream.complete(result, usage);
    return reply;
  } catch (error) {
    // Before the first token the error is the answer, with its own status.
    if (!stream.begun) {
      stream.drop();
      throw error;
    }
    reply.hijack();
    await stream.fail(knownError(error));
    return reply;
  }
}

/** The result of a request. Errors: those that the request ended with. */
function completed(outcome: Outcome) {
  if (outcome.kind === 'completed') return outcome.result;
  throw SluiceError.fromReason(`${outcome.code}: ${outcome.message}`);
}

/** Nobody waits for it any more: the engine is told, wherever it runs. */
function abandon({ client, log }: GatewayServices, { id }: RequestHandle): void {
  client.cancel(id).catch((error: unknown) => log.warn({ id, err: error }, 'cancel after the client left'));
}

/** Only where the configuration asks for it. */
function logPrompt({ log }: GatewayServices, { id, done }: RequestHandle, prompt: string): void {
  log.info({ id, prompt }, 'prompt');
  done.then(
    (outcome) =>
      log.info({ id, answer: outcome.kind === 'completed' ? outcome.result.text : null }, 'answer'),
    () => {},
  );
}

function headOf({ id, model, level, acceptedAtMs }: RequestHandle): AnswerHead {
  return { id, model, level, created: Math.floor(acceptedAtMs / 1000) };
}

function headersOf({ id, level }: RequestHandle): Record<string, string> {
  return { 'x-request-id': id, 'x-slo-level': level };
}

/** Headers that hooks have set, for a response that is written without Fastify. */
function plainHeaders(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reply.getHeaders()).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    ),
  );
}

export function stoppingError(): SluiceError {
  return new SluiceError('not_running', 'this gateway is shutting down; send the request again', {
    retryAfterSeconds: 1,
  });
}
