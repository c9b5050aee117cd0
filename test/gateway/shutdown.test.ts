import { type IncomingMessage, request } from 'node:http';
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
  // On connections of before and on new ones, until the stream has ended.
  for (const connection of ['keep-alive', 'close']) {
    const refused = await new Promise<IncomingMessage>((resolve, reject) =>
      request(`${gateway.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection },
      })
        .on('response', resolve)
        .on('error', reject)
        .end('{"prompt":"x"}'),
    );
    refused.resume();
    expect(refused.statusCode).toBe(503);
    expect(refused.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
  }
  expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(503);
  expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
  expect(engine.seen).toHaveLength(1);
  expect(closed).toBe(false);
  engine.allow(id, 6);
  const text = await stream.text();
  expect(text).toContain(`${id}:5`);
  expect(text).toContain('[DONE]');
  await closing;
});

it.each(['drain limit', 'second signal'])(
  'what a stopping gateway cuts off at its %s is cancelled, what others can ask for goes on',
  async (cause) => {
    const short = gatewayConfig((changed) => {
      changed.worker.drainSeconds = cause === 'drain limit' ? 0.5 : 60;
    });
    const gateway = await openGateway(redis.url, short);
    const from = engine.seen.length;
    const ask = (path: string, body: object, headers = {}) =>
      post(`${gateway.url}${path}`, { prompt: 'x', max_tokens: 6, ...body }, headers);
    const cut = [
      ask('/v1/completions', { stream: true }),
      ask('/v1/completions', {}),
      ask('/v1/completions', {}, { 'idempotency-key': cause.replace(' ', '-') }),
    ].map((answer) => answer.then((response) => response.text()).catch(() => 'cut'));
    await ask('/v1/requests', {});
    await until(() => engine.seen.length === from + 4, 'all run');
    const closing = gateway.close();
    if (cause === 'second signal') gateway.hurry();
    await closing;
    expect(await Promise.all(cut)).toEqual(['cut', 'cut', 'cut']);
    const ids = engine.seen.slice(from).map(({ id }) => id);
    await until(() => ids.filter((id) => engine.aborted.includes(id)).length === 2, 'two are cancelled');
    for (const id of ids) engine.allow(id, 6);
    const next = await openGateway(redis.url, config);
    const states = await Promise.all(
      ids.map(async (id) => {
        const state = async () =>
          (await (await fetch(`${next.url}/v1/requests/${id}`)).json()) as { status: string };
        await until(async () => !['queued', 'running'].includes((await state()).status), 'it has ended');
        return (await state()).status;
      }),
    );
    expect(states.sort()).toEqual(['cancelled', 'cancelled', 'completed', 'completed']);
    await next.close();
  },
);
