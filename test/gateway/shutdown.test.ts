import { afterAll, beforeAll, expect, it } from 'vitest';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig();
const engine = new HandEngine(100);
let redis: TestRedis;
let worker: TestWorker;
beforeAll(async () => {
  redis = await startTestRedis();
  worker = await startPoolWorker(redis.url, config, 'medium', engine, 'w');
});
afterAll(async () => {
  await worker.stop();
  await redis.stop();
});

it('a gateway that stops finishes its streams and refuses what is new, on connections that it has too', async () => {
  const gateway = await openGateway(redis.url, config);
  const ask = (body: object) =>
    post(`${gateway.url}/v1/completions`, { prompt: 'x', max_tokens: 6, ...body });
  const asked = ask({ stream: true });
  await until(() => engine.seen.length === 1, 'it runs');
  const { id } = engine.seen[0]!;
  engine.allow(id, 2);
  const stream = await asked;
  let closed = false;
  const closing = gateway.close().then(() => {
    closed = true;
  });
  // Refused with 503 where a connection is still open, else not connected at all.
  const refused = await ask({}).then(
    ({ status }) => status,
    () => 'refused',
  );
  expect([503, 'refused']).toContain(refused);
  expect(engine.seen).toHaveLength(1);
  expect(closed).toBe(false);
  engine.allow(id, 6);
  const text = await stream.text();
  expect(text).toContain(`${id}:5`);
  expect(text).toContain('[DONE]');
  await closing;
});
