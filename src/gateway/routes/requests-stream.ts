import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import { openaiParamsOf } from '../../contract/openai.js';
import { callerOf } from '../caller.js';
import { FORMATS } from '../openai/endpoints.js';
import { ownRequest } from '../requests/own.js';
import { headersOf, headOf, plainHeaders, streamed } from '../serve/serve.js';
import { EventStream } from '../serve/stream.js';
import { stoppingError } from '../serve/submit.js';
import type { GatewayServices } from '../services.js';

type StreamRequest = FastifyRequest<{ Params: { id: string }; Querystring: { from?: string } }>;

/**
 * `GET /v1/requests/ID/stream?from=N`: its tokens from token N on, as its endpoint streams them. Each event's `id` is
 * the number of tokens up to its end: where to go on from, by `from` or the header `last-event-id`, the larger of the
 * two: an `EventSource` that reconnects sends the `from` that it began with too.
 */
export function requestsStream(app: FastifyInstance, services: GatewayServices): void {
  app.get('/v1/requests/:id/stream', async (request: StreamRequest, reply) => {
    const from = fromOf(request);
    if (services.stopping()) throw stoppingError();
    const caller = callerOf(request);
    const { request: known, lookup } = await ownRequest(services, caller, request.params.id);
    reply.header('x-request-id', known.id);
    const listener: { onTokens: () => void } = { onTokens: () => {} };
    const handle = await services.client.follow(known.id, { onTokens: () => listener.onTokens() });
    if (handle === undefined) {
      const outcome =
        lookup.state === 'ended' && lookup.outcome.kind !== 'completed' ? lookup.outcome : undefined;
      if (outcome === undefined)
        throw new SluiceError('not_found', `id: request ${known.id} is no longer kept`);
      throw SluiceError.fromReason(`${outcome.code}: ${outcome.message}`);
    }
    const answer = () => ({
      headers: { ...plainHeaders(reply), ...headersOf(handle) },
      format: FORMATS[openaiParamsOf(known.params)?.endpoint ?? 'completions'].stream(headOf(handle)),
    });
    const stream = new EventStream(reply.raw, answer, handle.tokens, from);
    listener.onTokens = () => stream.write();
    stream.write();
    const hold = services.revocations.hold(caller);
    return streamed(stream, handle, hold, reply, true).finally(hold.release);
  });
}

/** Errors: `invalid_request`. */
function fromOf({ query, headers }: StreamRequest): number {
  return Math.max(tokenNumber('from', query.from), tokenNumber('last-event-id', headers['last-event-id']));
}

function tokenNumber(name: string, value: unknown = '0'): number {
  if (typeof value === 'string' && /^\d{1,7}$/.test(value)) return Number(value);
  throw new SluiceError(
    'invalid_request',
    `${name}: expected the number of a token, got ${JSON.stringify(value)}`,
  );
}
