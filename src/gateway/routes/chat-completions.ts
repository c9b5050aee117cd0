import type { FastifyInstance } from 'fastify';
import { PATHS, readAsked } from '../openai/endpoints.js';
import { serve } from '../serve/serve.js';
import type { GatewayServices } from '../services.js';

/** `POST /v1/chat/completions` */
export function chatCompletions(app: FastifyInstance, services: GatewayServices): void {
  app.post(PATHS.chat, (request, reply) => serve(services, request, reply, readAsked('chat', request.body)));
}
