import type { FastifyInstance } from 'fastify';
import { completionFormat } from '../openai/completion-format.js';
import { completionPrompt } from '../openai/prompt-text.js';
import { completionBodySchema, parseBody } from '../openai/schemas.js';
import { serve } from '../serve/serve.js';
import type { GatewayServices } from '../services.js';

/** `POST /v1/completions` */
export function completions(app: FastifyInstance, services: GatewayServices): void {
  app.post('/v1/completions', async (request, reply) => {
    const body = parseBody(completionBodySchema, request.body);
    const prompt = completionPrompt(body.prompt);
    return serve(services, request, reply, {
      endpoint: 'completions',
      body,
      prompt,
      format: completionFormat,
    });
  });
}
