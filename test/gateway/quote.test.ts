import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { beat } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig(({ pools }) => {
  pools.medium!.admission.waitingRoom = 0;
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url, config);
});
afterAll(async () => {
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

interface Quote {
  prompt_tokens: number;
  levels: {
    slo_level: string;
    admitted: boolean;
    reason: string | null;
    retry_after_seconds: number | null;
    predicted: { ttft_seconds: number; finish_seconds: number };
    price: { usd: number; gpu_seconds: number };
  }[];
}

async function quote(body: object): Promise<Quote> {
  const answer = await post(`${gateway.url}/v1/quote`, body);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Quote;
}

it('tells by level whether a request would be taken now, when it would start and end, and what it costs', async () => {
  await beat(redis, keys, 'high', 'ready');
  const { levels, prompt_tokens } = await quote({ prompt: 'why is the sky blue', max_tokens: 100 });
  expect(prompt_tokens).toBeGreaterThan(3);
  const [high, medium, low] = levels;
  expect(high).toMatchObject({ slo_level: 'high', service_tier: 'priority', admitted: true, reason: null });
  expect(high!.predicted.ttft_seconds).toBeGreaterThan(0);
  expect(high!.predicted.ttft_seconds).toBeLessThan(0.3);
  expect(high!.predicted.finish_seconds).toBeGreaterThan(high!.predicted.ttft_seconds);
  expect(high!.price.usd).toBeCloseTo((high!.price.gpu_seconds * config.pricing.usdPerGpuHour) / 3600, 8);
  // No worker yet: nobody may wait at medium, and at low the first one has to start.
  expect(medium).toMatchObject({ slo_level: 'medium', admitted: false, reason: 'full' });
  expect(medium!.retry_after_seconds).toBeGreaterThan(1);
  expect(low).toMatchObject({ slo_level: 'low', admitted: true });
  expect(low!.predicted.ttft_seconds).toBeGreaterThan(5);
});

it('costs more for longer answers and prompts', async () => {
  const price = async (body: object) => (await quote(body)).levels[0]!.price.gpu_seconds;
  const short = await price({ prompt: 'hello', max_tokens: 10 });
  expect(await price({ prompt: 'hello', max_tokens: 100 })).toBeGreaterThan(2 * short);
  expect(await price({ prompt: 'hello '.repeat(2000), max_tokens: 10 })).toBeGreaterThan(short);
});

it('refuses what is no request', async () => {
  expect((await post(`${gateway.url}/v1/quote`, { max_tokens: 3 })).status).toBe(400);
});
