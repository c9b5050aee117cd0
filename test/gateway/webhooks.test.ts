import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { deliver, signatureOf } from '../../src/gateway/webhooks/deliver.js';
import { assertWebhook, isPublic, publicLookup } from '../../src/gateway/webhooks/target.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { webhookSecret } from '../../src/tenants/webhook-secret.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const STRICT = { http: false, privateAddresses: false };
const OPEN = { http: true, privateAddresses: true };

describe('a webhook may go', () => {
  it.each(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '172.32.0.1', '100.128.0.1'])('to %s', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fc00::1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    '2001:db8::1',
  ])('not to %s', (address) => {
    expect(isPublic(address)).toBe(false);
    const host = address.includes(':') ? `[${address}]` : address;
    expect(() => assertWebhook(`https://${host}/hook`, STRICT)).toThrow(/public internet/);
  });

  it.each([
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'https://user:secret@example.com/',
    'nonsense',
    // The URL parser makes addresses of these.
    'https://2130706433/',
    'https://0x7f.1/',
    'https://127.1/',
  ])('not to %s', (url) => {
    expect(() => assertWebhook(url, STRICT)).toThrow(/webhook\.url: expected/);
  });

  it('not to a name whose address is private at the moment of connecting', async () => {
    const error = await new Promise((resolve) =>
      publicLookup(STRICT)('localhost', {}, (found) => resolve(found)),
    );
    expect(error).toMatchObject({ message: expect.stringContaining('no address on the public internet') });
    const to = { url: 'https://localhost:9/', id: 'w', body: '{}', secret: 'whsec_AAAA', timestamp: 1 };
    await expect(deliver(to, STRICT)).rejects.toThrow(/public internet/);
  });
});

it('is signed as the Standard Webhooks specification has it', () => {
  // The example of the specification's reference libraries.
  const signed = signatureOf({
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: 1614265330,
    body: '{"test": 2432232314}',
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  });
  expect(signed).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

describe('the webhook of a request', () => {
  const config = gatewayConfig(({ gateway }) => {
    gateway.webhooks = OPEN;
  });
  const received: { headers: IncomingHttpHeaders; body: string }[] = [];
  let failures = 1;
  let redis: TestRedis;
  let gateway: Gateway;
  let worker: TestWorker;
  let receiver: Server;

  beforeAll(async () => {
    redis = await startTestRedis();
    gateway = await openGateway(redis.url, config);
    worker = await startPoolWorker(redis.url, config, 'medium', new HandEngine(10, true), 'w');
    receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => {
        received.push({ headers: request.headers, body });
        response.writeHead(failures-- > 0 ? 503 : 204).end();
      });
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    receiver.close();
    await worker.stop();
    await gateway.close();
    await redis.stop();
  });

  it('comes signed when the request has ended, and again until it is taken', async () => {
    const { port } = receiver.address() as AddressInfo;
    const webhook = { url: `http://127.0.0.1:${port}/hook` };
    const asked = { prompt: 'hello', max_tokens: 3, webhook };
    const { id } = (await (await post(`${gateway.url}/v1/requests`, asked)).json()) as { id: string };
    await until(() => received.length === 2, 'two attempts', 15_000);
    const [refused, taken] = received;
    expect(taken!.headers['webhook-id']).toBe(refused!.headers['webhook-id']);
    expect(JSON.parse(taken!.body)).toMatchObject({
      type: 'request.completed',
      data: { id, status: 'completed', response: { object: 'text_completion' } },
    });
    const plain = connect(redis.url, 'plain');
    const secret = await webhookSecret(plain, new Keys(config.namespace), 'local');
    plain.disconnect();
    const { headers, body } = taken!;
    const timestamp = Number(headers['webhook-timestamp']);
    expect(Math.abs(timestamp - Date.now() / 1000)).toBeLessThan(5);
    expect(headers['webhook-signature']).toBe(
      signatureOf({ id: String(headers['webhook-id']), timestamp, body, secret }),
    );
  });

  it('is part of what an idempotency key stands for', async () => {
    const { port } = receiver.address() as AddressInfo;
    const ask = (webhook?: string) =>
      post(
        `${gateway.url}/v1/requests`,
        { prompt: 'hello', max_tokens: 3, webhook: webhook && { url: webhook } },
        { 'idempotency-key': 'hooked' },
      );
    const one = await ask(`http://127.0.0.1:${port}/one`);
    expect(one.status).toBe(202);
    const again = await ask(`http://127.0.0.1:${port}/one`);
    expect(await again.json()).toMatchObject({ id: ((await one.json()) as { id: string }).id });
    for (const other of [`http://127.0.0.1:${port}/other`, undefined]) {
      const refused = await ask(other);
      expect(refused.status).toBe(409);
      expect(await refused.json()).toMatchObject({ error: { code: 'conflict' } });
    }
  });

  it('comes for a request that is sent again with its key because its webhook could not be kept', async () => {
    const { port } = receiver.address() as AddressInfo;
    const webhook = { url: `http://127.0.0.1:${port}/again` };
    const body = { prompt: 'hello', max_tokens: 3, service_tier: 'flex', webhook };
    const ask = () => post(`${gateway.url}/v1/requests`, body, { 'idempotency-key': 'again' });
    const keys = new Keys(config.namespace);
    const plain = connect(redis.url, 'plain');
    const counter = `${keys.tenants()}:${keys.webhooksQueue}:id`;
    await plain.set(counter, 'not a number');
    expect((await ask()).status).toBe(500);
    await plain.del(counter);
    plain.disconnect();
    const again = await ask();
    expect(again.status).toBe(202);
    const { id } = (await again.json()) as { id: string };
    const low = await startPoolWorker(redis.url, config, 'low', new HandEngine(10, true), 'low');
    const told = () => received.map(({ body }) => JSON.parse(body)).find(({ data }) => data.id === id);
    await until(() => told() !== undefined, 'its webhook');
    expect(told()).toMatchObject({ type: 'request.completed' });
    await low.stop();
  });
});
