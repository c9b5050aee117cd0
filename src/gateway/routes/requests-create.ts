import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { callerOf } from '../caller.js';
import { readEither } from '../openai/endpoints.js';
import { tierOf } from '../openai/format.js';
import { parseBody } from '../openai/schemas.js';
import { logPrompt } from '../serve/serve.js';
import { submit } from '../serve/submit.js';
import type { GatewayServices } from '../services.js';
import { assertWebhook } from '../webhooks/target.js';

/** What the asynchronous API adds to the bodies of the endpoints. */
const asyncBodySchema = z.looseObject({
  webhook: z.strictObject({ url: z.string().max(2048) }).optional(),
});

/** `POST /v1/requests`: accepts a chat or a completion and answers at once with its id. */
export function requestsCreate(app: FastifyInstance, services: GatewayServices): void {
  const { config, webhooks } = services;
  app.post('/v1/requests', async (request, reply) => {
    const { webhook, ...body } = parseBody(asyncBodySchema, request.body);
    if (webhook !== undefined) assertWebhook(webhook.url, config.gateway.webhooks);
    const asked = readEither(body);
    const caller = callerOf(request);
    const { handle } = await submit(services, caller, request.headers, asked, 'req', {});
    if (config.gateway.logPrompts) logPrompt(services, handle, asked.prompt);
    if (webhook !== undefined) await webhooks.watch(handle, caller.tenant, webhook.url);
    const { id, model, level, acceptedAtMs } = handle;
    return reply
      .code(202)
      .header('x-request-id', id)
      .header('x-slo-level', level)
      .send({
        id,
        object: 'request',
        status: 'queued',
        model,
        slo_level: level,
        service_tier: tierOf(level),
        created: Math.floor(acceptedAtMs / 1000),
      });
  });
}
