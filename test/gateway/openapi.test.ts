import { Validator } from '@seriousme/openapi-schema-validator';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ZodType } from 'zod';
import type { Gateway } from '../../src/gateway/gateway.js';
import {
  chatAnswer,
  chatChunk,
  completionAnswer,
  errorAnswer,
  modelsAnswer,
  requestAnswer,
} from '../../src/gateway/openapi/answers.js';
import { OPERATIONS } from '../../src/gateway/openapi/operations.js';
import { buildServer } from '../../src/gateway/server.js';
import type { GatewayServices } from '../../src/gateway/services.js';
import { HandEngine, startPoolWorker, type TestWorker } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

interface Document {
  paths: Record<string, Record<string, { summary: string; security?: unknown[] }>>;
  components: { schemas: Record<string, { properties: Record<string, object> }> };
}

const config = gatewayConfig();
let redis: TestRedis;
let gateway: Gateway;
let worker: TestWorker;
let document: Document;
beforeAll(async () => {
  redis = await startTestRedis();
  gateway = await openGateway(redis.url, config);
  worker = await startPoolWorker(redis.url, config, 'medium', new HandEngine(100, true), 'w');
  document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as Document;
});
afterAll(async () => {
  await worker.stop();
  await gateway.close();
  await redis.stop();
});

/** Every route of the server, as method and path. */
function registered(): string[] {
  // Only routes are looked at; none of them is called.
  const monitor = { registry: new Registry(), queues: { byName: new Map() } };
  const services = { config, monitor, now: () => 0 } as unknown as GatewayServices;
  const app = buildServer(services);
  const lines: string[] = [];
  for (const operation of Object.keys(OPERATIONS)) {
    const [method = '', url = ''] = operation.split(' ');
    if (app.hasRoute({ method: method as 'GET', url })) lines.push(operation);
  }
  // Fastify draws its routes as a tree; each line that ends in methods is one.
  const count = app.printRoutes({ commonPrefix: false }).match(/\((GET|POST|DELETE|PUT|PATCH)[^)]*\)/g) ?? [];
  const methods = count.flatMap((found) => found.slice(1, -1).split(', '));
  const documented = Object.values(document.paths).flatMap((path) => Object.keys(path));
  expect(documented.map((method) => method.toUpperCase()).sort()).toEqual(methods.sort());
  return lines;
}

describe('/openapi.json', () => {
  it('is a valid OpenAPI 3.1 document', async () => {
    const { valid, errors } = await new Validator().validate({ ...structuredClone(document) });
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
  });

  it('has every registered route, and nothing that is none', () => {
    expect(registered()).toEqual(Object.keys(OPERATIONS));
    for (const operation of Object.keys(OPERATIONS)) {
      const [method = '', path = ''] = operation.split(' ');
      const found = document.paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()];
      expect(found?.summary, operation).toBe(OPERATIONS[operation]!.summary);
    }
  });

  it('describes bodies by the schemas that check them', () => {
    const { ChatBody, CompletionBody } = document.components.schemas;
    for (const schema of [ChatBody, CompletionBody]) {
      for (const field of ['slo_level', 'service_tier', 'slo', 'deadline_ms', 'max_tokens', 'stop', 'seed']) {
        expect(schema?.properties[field], field).toBeDefined();
      }
    }
    expect(document.paths['/health/ready']?.get?.security).toEqual([]);
  });

  it('describes the answers that come', async () => {
    const chat = { messages: [{ role: 'user', content: 'x' }], max_tokens: 3 };
    const prompt = { prompt: 'x', max_tokens: 3 };
    const json = async (path: string, body?: object) =>
      (body === undefined ? fetch(`${gateway.url}${path}`) : post(`${gateway.url}${path}`, body)).then(
        (answer) => answer.json(),
      );
    const reads = async (schema: ZodType, answer: unknown) => schema.parse(await answer);
    await reads(chatAnswer, json('/v1/chat/completions', chat));
    await reads(completionAnswer, json('/v1/completions', prompt));
    await reads(modelsAnswer, json('/v1/models'));
    await reads(requestAnswer, json('/v1/requests', chat));
    await reads(errorAnswer, json('/v1/completions', {}));
    const stream = { ...chat, stream: true, stream_options: { include_usage: true } };
    const text = await (await post(`${gateway.url}/v1/chat/completions`, stream)).text();
    const chunks = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, chunk]) =>
      chatChunk.parse(JSON.parse(chunk!)),
    );
    expect(chunks.length).toBeGreaterThan(2);
  });
});
