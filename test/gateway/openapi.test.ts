import { Validator } from '@seriousme/openapi-schema-validator';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ZodType, z } from 'zod';
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
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

interface Content {
  content?: Record<string, { schema: { $ref?: string } }>;
  headers?: Record<string, object>;
}
interface Described {
  summary: string;
  security?: unknown[];
  parameters?: { in: string; name: string }[];
  requestBody?: Content;
  responses: Record<string, Content>;
}
interface Document {
  paths: Record<string, Record<string, Described>>;
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

const described = (operation: string) => {
  const [method = '', path = ''] = operation.split(' ');
  return document.paths[path]![method.toLowerCase()]!;
};

/** The schema that the document has of a body or an answer, read anew. */
function schemaOf(of: Content | undefined, type = 'application/json'): ZodType {
  const name = of?.content?.[type]?.schema.$ref?.split('/').at(-1) ?? '';
  expect(document.components.schemas[name], `${name} of ${JSON.stringify(of)}`).toBeDefined();
  return z.fromJSONSchema(structuredClone(document.components.schemas[name]!) as never);
}

/** Calls an operation; its status has to be declared, and its answer to be as declared. */
async function call(operation: string, id = '', body?: object | FormData): Promise<Record<string, unknown>> {
  const [method = '', path = ''] = operation.split(' ');
  const form = body instanceof FormData;
  const answer = await fetch(`${gateway.url}${path.replace('{id}', id)}`, {
    method,
    ...(body === undefined ? {} : { body: form ? body : JSON.stringify(body) }),
    ...(body === undefined || form ? {} : { headers: { 'content-type': 'application/json' } }),
  });
  const read = (await answer.json()) as Record<string, unknown>;
  const { success, error } = schemaOf(described(operation).responses[answer.status]).safeParse(read);
  expect(success, `${operation}: ${error?.message} of ${JSON.stringify(read)}`).toBe(true);
  return read;
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
      const found =
        document.paths[path.replace(/:(\w+)/g, '{$1}').replace('*', '{id}')]?.[method.toLowerCase()];
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

  it('describes the answers of files, batches, quotes and asynchronous requests', async () => {
    const line = { custom_id: 'a', method: 'POST', url: '/v1/completions', body: { prompt: 'x' } };
    const upload = (text: string) => {
      const form = new FormData();
      form.set('purpose', 'batch');
      form.set('file', new File([text], 'in.jsonl'));
      return call('POST /v1/files', '', form);
    };
    const batchOf = async (file: Record<string, unknown>) => {
      const body = { input_file_id: file.id, endpoint: '/v1/completions', completion_window: '1h' };
      return String((await call('POST /v1/batches', '', body)).id);
    };
    const file = await upload(JSON.stringify(line));
    await call('GET /v1/files/{id}', String(file.id));
    await call('GET /v1/files');
    const batch = await batchOf(file);
    await call('GET /v1/batches/{id}', batch);
    await call('POST /v1/batches/{id}/cancel', batch);
    const wrong = await batchOf(await upload('nonsense'));
    await until(async () => (await call('GET /v1/batches/{id}', wrong)).status === 'failed', 'it fails');
    await call('GET /v1/batches');
    expect(await call('DELETE /v1/files/{id}', String(file.id))).toMatchObject({ deleted: true });
    expect(await call('GET /v1/files/{id}', String(file.id))).toMatchObject({ error: { code: 'not_found' } });
    const levels = (await call('POST /v1/quote', '', { prompt: 'x', max_tokens: 3 })).levels;
    expect(levels).toHaveLength(3);
    const id = String((await call('POST /v1/requests', '', { prompt: 'x', max_tokens: 3 })).id);
    await call('GET /v1/requests/{id}', id);
    await call('DELETE /v1/requests/{id}', id);
    await call('POST /v1/requests', '', { max_tokens: 'x' });
    const late = { prompt: 'x', slo_level: 'low', deadline_ms: 1 };
    expect(await call('POST /v1/requests', '', late)).toMatchObject({ error: { code: 'overloaded' } });
  });

  it('describes the events of a request of either endpoint', async () => {
    const { responses } = described('GET /v1/requests/{id}/stream');
    const schema = schemaOf(responses[200], 'text/event-stream');
    for (const asked of [{ prompt: 'x' }, { messages: [{ role: 'user', content: 'x' }] }]) {
      const { id } = await call('POST /v1/requests', '', { ...asked, max_tokens: 3 });
      const text = await (await fetch(`${gateway.url}/v1/requests/${id}/stream`)).text();
      const events = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, event]) => JSON.parse(event!));
      expect(events.length).toBeGreaterThan(2);
      for (const event of events) expect(schema.safeParse(event).success, JSON.stringify(event)).toBe(true);
    }
  });

  it('describes each body as it is checked', () => {
    const takes = (operation: string, body: object) =>
      schemaOf(described(operation).requestBody).safeParse(body).success;
    for (const operation of ['POST /v1/requests', 'POST /v1/quote']) {
      expect(takes(operation, { max_tokens: 'x' })).toBe(false);
      expect(takes(operation, { prompt: 'x', max_tokens: 'x' })).toBe(false);
      expect(takes(operation, { prompt: 'x', max_tokens: 3 })).toBe(true);
      expect(takes(operation, { messages: [{ role: 'user', content: 'x' }] })).toBe(true);
    }
    expect(takes('POST /v1/requests', { prompt: 'x', webhook: { url: 'https://a.test' } })).toBe(true);
    expect(takes('POST /v1/requests', { prompt: 'x', webhook: 'https://a.test' })).toBe(false);
    expect(takes('POST /dashboard/operate', { action: 'pause', pool: 'high' })).toBe(true);
    expect(takes('POST /dashboard/operate', { action: 'explode', pool: 'high' })).toBe(false);
    expect(takes('POST /dashboard/what-if/run', { source: { kind: 'recorded' } })).toBe(true);
    expect(takes('POST /dashboard/what-if/run', { source: { kind: 'dreamt' } })).toBe(false);
    expect(takes('POST /dashboard/what-if/cancel', { id: 'x' })).toBe(true);
    const form = described('POST /v1/files').requestBody?.content?.['multipart/form-data']?.schema.$ref;
    expect(document.components.schemas[form!.split('/').at(-1)!]?.properties.file).toMatchObject({
      format: 'binary',
    });
  });

  it('says where a key, a time to come again, and a lower level play a part', () => {
    const chat = described('POST /v1/chat/completions');
    expect(chat.parameters?.map(({ name }) => name)).toContain('x-slo-relegate');
    expect(chat.responses[429]?.headers).toHaveProperty('Retry-After');
    expect(Object.keys(described('GET /v1/files/{id}').responses)).toEqual(['200', '401', '404', 'default']);
    expect(Object.keys(described('GET /health/live').responses)).toEqual(['200', 'default']);
  });
});
