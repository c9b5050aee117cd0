import type { FastifyInstance } from 'fastify';
import type { GatewayServices } from '../services.js';
import { chatCompletions } from './chat-completions.js';
import { completions } from './completions.js';
import { healthLive } from './health-live.js';
import { healthReady } from './health-ready.js';
import { models } from './models.js';

/** Every route of the gateway: one verb a file. */
export function routes(app: FastifyInstance, services: GatewayServices): void {
  for (const route of [chatCompletions, completions, models, healthLive, healthReady]) route(app, services);
}
