import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CapacityModel } from '../../src/gateway/admission/capacity.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { workerSizes } from '../../src/gpu/worker-size.js';
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

it('has a price at every level, which rises with max_tokens', async () => {
  const prices = async (max_tokens: number) =>
    (await quote({ messages: [{ role: 'user', content: 'hello' }], max_tokens })).levels.map(
      ({ price }) => price.gpu_seconds,
    );
  const [few, some, many] = [await prices(2), await prices(100), await prices(150)];
  expect(few).toHaveLength(3);
  for (const [at, price] of few.entries()) {
    expect(price).toBeGreaterThan(0);
    expect(some[at]).toBeGreaterThan(price);
    expect(many[at]).toBeGreaterThan(some[at]!);
  }
});

describe('the GPU-seconds of a request', () => {
  const lengths = { isl: 2000, osl: 150 };
  const capacity = (level: string, isl: number, maxTokens: number) =>
    new CapacityModel(config.pools[level]!).of({ isl, maxTokens }, lengths);

  it('are the time that a worker has for the mean one, whatever limits its batch', () => {
    for (const level of ['high', 'medium', 'low']) {
      const { rps, gpuSeconds } = capacity(level, lengths.isl, lengths.osl);
      expect(gpuSeconds, level).toBeCloseTo(workerSizes(config.pools[level]!).vllm.tp / rps, 12);
    }
  });

  it('are divided by tokens where the token budget limits the batch', () => {
    const of = (isl: number, maxTokens: number) => capacity('low', isl, maxTokens).gpuSeconds;
    // Each token is 1 of 2000 + 149 in the mean request's steps; the prompt's own time is the same on both sides.
    const token = (of(2000, 150) - of(2000, 50)) / 100;
    expect(token).toBeGreaterThan(0);
    expect(of(2000, 51) - of(2000, 50)).toBeCloseTo(token, 12);
    // The steps of the mean request are worth 2149 tokens, and one of 3 prompt tokens and 2 others is worth 4.
    const prompt = of(2000, 150) - 2149 * token;
    expect(prompt).toBeGreaterThan(0);
    expect(of(3, 2)).toBeGreaterThan(4 * token);
    expect(of(3, 2)).toBeLessThan(4 * token + (prompt * 3) / 2000 + 1e-12);
  });
});

it('refuses what is no request', async () => {
  expect((await post(`${gateway.url}/v1/quote`, { max_tokens: 3 })).status).toBe(400);
});
