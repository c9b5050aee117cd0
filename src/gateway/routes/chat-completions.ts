import type { FastifyInstance } from 'fastify';
import { chatFormat } from '../openai/chat-format.js';
import { chatBodySchema, parseBody } from '../openai/schemas.js';
import { chatPrompt } from '../openai/prompt-text.js';
import { serve } from '../serve/serve.js';
import type { GatewayServices } from '../services.js';

/** `POST /v1/chat/completions` */
export function chatCompletions(app: FastifyInstance, services: GatewayServices): void {
  app.post('/v1/chat/completions', async (request, reply) => {
    const body = parseBody(chatBodySchema, request.body);
    return serve(services, request, reply, {
      endpoint: 'chat',
      body,
      prompt: chatPrompt(body),
      format: chatFormat,
    });
  });
}
