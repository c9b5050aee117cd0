import type { FastifyInstance } from 'fastify';
import { callerOf } from '../caller.js';
import { readEither } from '../openai/endpoints.js';
import { parseBody } from '../openai/schemas.js';
import { ownRequest } from '../requests/own.js';
import { asyncBodySchema } from '../requests/schemas.js';
import { lookAt } from '../requests/view.js';
import { logPrompt } from '../serve/serve.js';
import { type Submitted, submit } from '../serve/submit.js';
import type { GatewayServices } from '../services.js';
import { assertWebhook } from '../webhooks/target.js';

/** `POST /v1/requests`: accepts a chat or a completion and answers at once with its id. */
export function requestsCreate(app: FastifyInstance, services: GatewayServices): void {
  const { config, revocations } = services;
  app.post('/v1/requests', async (request, reply) => {
    const { webhook, ...body } = parseBody(asyncBodySchema, request.body);
    if (webhook != null) assertWebhook(webhook.url, config.gateway.webhooks);
    const asked = readEither(body);
    const caller = callerOf(request);
    const how = { patient: true, webhook: webhook?.url };
    const submitted = await submit(services, caller, request.headers, asked, 'req', {}, how);
    const { handle } = submitted;
    const { id, level, done } = handle;
    const { release } = revocations.hold(caller);
    done.then(release, release);
    if (config.gateway.logPrompts) logPrompt(services, handle, asked.prompt);
    if (webhook != null) await watch(services, submitted, caller.tenant, webhook.url);
    reply.code(202).header('x-request-id', id).header('x-slo-level', level);
    return lookAt(services, await ownRequest(services, caller, id));
  });
}

/**
 * A request whose webhook cannot be kept is not accepted, and cancelled; one with an Idempotency-Key goes on, since its client
 * comes by the key to it and its webhook.
 */
async function watch(
  { webhooks, client }: GatewayServices,
  { handle, idempotent }: Submitted,
  tenant: string,
  url: string,
): Promise<void> {
  try {
    await webhooks.watch(handle, tenant, url);
  } catch (error) {
    if (!idempotent) client.cancel(handle.id).catch(() => {});
    throw error;
  }
}
