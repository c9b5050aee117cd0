import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EngineClient } from '../../src/engines/openai/client.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { inSpan, outgoingHeaders, startTracing, stopTracing } from '../../src/tracing/tracing.js';
import { gatewayConfig, openGateway, post } from '../gateway/support.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

interface ReceivedSpan {
  name: string;
  kind: number;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: { key: string; value: { stringValue?: string; intValue?: number } }[];
  events: { name: string }[];
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const NAMES = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_BSP_SCHEDULE_DELAY'];
const spans: ReceivedSpan[] = [];
const services = new Set<string>();
const config = gatewayConfig();
let receiver: Server;
let redis: TestRedis;
let gateway: Gateway;
let worker: TestWorker;
const engine = new HandEngine(10, true);

/** A receiver of OTLP over HTTP, as a collector has it. */
async function startReceiver(): Promise<string> {
  receiver = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      if (request.url === '/v1/traces') {
        for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
          for (const { key, value } of resource.attributes)
            if (key === 'service.name') services.add(value.stringValue);
          for (const scope of scopeSpans) spans.push(...scope.spans);
        }
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const address = receiver.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
}

beforeAll(async () => {
  redis = await startTestRedis();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = await startReceiver();
  process.env.OTEL_EXPORTER_OTLP_PROTOCOL = 'http/json';
  process.env.OTEL_BSP_SCHEDULE_DELAY = '50';
  await startTracing('test');
  gateway = await openGateway(redis.url, config);
  worker = await startPoolWorker(redis.url, config, 'high', engine, 'w-1');
});
afterAll(async () => {
  await worker?.stop();
  await gateway?.close();
  await stopTracing();
  receiver?.close();
  await redis.stop();
  for (const name of NAMES) delete process.env[name];
});

describe('with an OTLP endpoint in the environment', () => {
  it('a request is one trace, from its caller through gateway and queue to the engine', async () => {
    const answer = await post(
      `${gateway.url}/v1/completions`,
      { prompt: 'a secret prompt', max_tokens: 3, slo_level: 'high' },
      { traceparent: `00-${TRACE}-${PARENT}-01` },
    );
    expect(answer.status).toBe(200);
    const id = answer.headers.get('x-request-id');
    await answer.text();
    const mine = () => spans.filter(({ traceId }) => traceId === TRACE);
    await until(async () => mine().length >= 4, 'four spans of the trace', 10_000);
    const byName = (start: string) => mine().find(({ name }) => name.startsWith(start))!;
    const server = byName('POST /v1/completions');
    const add = byName('add high.decode');
    const process = byName('process high.decode');
    const call = byName('engine ');
    expect(server.parentSpanId).toBe(PARENT);
    expect(add.parentSpanId).toBe(server.spanId);
    expect(process.parentSpanId).toBe(add.spanId);
    expect(call.parentSpanId).toBe(process.spanId);
    const attributes = Object.fromEntries(
      call.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
    );
    expect(attributes).toMatchObject({
      'sluice.request.id': id,
      'sluice.level': 'high',
      'sluice.worker.id': 'w-1',
      'gen_ai.usage.output_tokens': 3,
    });
    expect(call.events.map(({ name }) => name)).toEqual(['first token']);
    expect([...services]).toEqual(['sluice-test']);
    expect(JSON.stringify(mine())).not.toContain('secret prompt');
  });

  it('polls of an idle worker make no spans', async () => {
    const names = new Set(spans.map(({ name }) => name.split(' ')[0]));
    expect([...names].sort()).toEqual(['POST', 'add', 'engine', 'process']);
  });

  it('the engine is told the trace by its W3C header', async () => {
    let told: string | undefined;
    const server = createServer((request, response) => {
      told = request.headers.traceparent?.toString();
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    const client = new EngineClient({ url, apiKey: null, connectTimeoutMs: 1000, headTimeoutMs: 1000 });
    const made = await inSpan(
      'call',
      () => ({}),
      async (span) => {
        const body = await client.post('/x', {}, 'r', 'application/json', AbortSignal.timeout(5_000));
        await body.toArray();
        return span?.spanContext();
      },
    );
    expect(told).toBe(`00-${made?.traceId}-${made?.spanId}-01`);
    await client.close();
    server.close();
  });
});

it('without it nothing is traced, loaded or sent on', async () => {
  await stopTracing();
  for (const name of NAMES) delete process.env[name];
  await startTracing('test');
  expect(outgoingHeaders()).toEqual({});
  expect(
    await inSpan(
      'x',
      () => ({}),
      async (span) => span,
    ),
  ).toBeNull();
});
