import type { FastifyInstance } from 'fastify';
import { PATHS, readAsked } from '../openai/endpoints.js';
import { serve } from '../serve/serve.js';
import type { GatewayServices } from '../services.js';

/** `POST /v1/completions` */
export function completions(app: FastifyInstance, services: GatewayServices): void {
  app.post(PATHS.completions, (request, reply) =>
    serve(services, request, reply, readAsked('completions', request.body)),
  );
}
