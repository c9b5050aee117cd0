import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Admission } from '../../src/gateway/admission/admission.js';
import { capacityModels } from '../../src/gateway/admission/capacity.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { beat } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig } from './support.js';

/** Requests that the engine of `high` runs at once. */
const SLOTS = 16;
const config = gatewayConfig(({ gateway, pools }) => {
  gateway.auth = 'keys';
  const { engine } = pools.high!;
  if (engine.kind === 'sim') engine.maxSequences = SLOTS;
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let client: SluiceClient;
beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  client = await SluiceClient.open(config, server.url);
});
afterAll(async () => {
  await client.close();
  redis.disconnect();
  await server.stop();
});

it('counts before a request only what goes before it, of what was just admitted too', async () => {
  await beat(redis, keys, 'high', 'ready');
  const admission = new Admission(config, redis, keys, client, capacityModels(config), Date.now);
  const request = async (tenant: string) => {
    const routed = client.route({ prompt: 'word '.repeat(1000), max_tokens: 150, slo_level: 'high' });
    await client.takeTurn(routed, { tenant, key: tenant });
    return routed;
  };
  const judged = async (tenant: string) => {
    const [routed, digest] = [await request(tenant), () => tenant];
    return (await admission.consider({ routed, tenant, digest, patient: false }, true)).verdict.kind;
  };
  // While work waits a flood stands behind what others ask for.
  for (let k = 0; k < 3; k++) await client.send(await request('flood'));
  // Far beyond what the engine takes at once, and a reading of the queue has none of it yet.
  for (let k = 0; k < 20 * SLOTS; k++) admission.hold(await request('flood'));
  expect(await judged('flood')).toBe('refuse');
  expect(await judged('calm')).toBe('admit');
});

it('counts what it has admitted while it judges others that came at the same moment', async () => {
  await beat(redis, keys, 'high', 'ready');
  const admission = new Admission(config, redis, keys, client, capacityModels(config), Date.now);
  const verdicts = Array.from({ length: 20 * SLOTS }, async () => {
    const routed = client.route({ prompt: 'word '.repeat(1000), max_tokens: 150, slo_level: 'high' });
    const asked = { routed, tenant: 'any', digest: () => 'any', patient: false };
    return (await admission.consider(asked)).verdict.kind;
  });
  const admitted = (await Promise.all(verdicts)).filter((kind) => kind === 'admit').length;
  expect(admitted).toBeGreaterThanOrEqual(SLOTS / 2);
  expect(admitted).toBeLessThan(3 * SLOTS);
});

it('does not count what was admitted since the last reading and has left the queue for a place that fell free', async () => {
  await beat(redis, keys, 'high', 'ready');
  const admission = new Admission(config, redis, keys, client, capacityModels(config), Date.now);
  const request = async (tenant: string) => {
    const routed = client.route({ prompt: 'word '.repeat(1000), max_tokens: 150, slo_level: 'high' });
    await client.takeTurn(routed, { tenant, key: tenant });
    return routed;
  };
  const digest = () => 'calm';
  const judged = async () => {
    const asked = { routed: await request('calm'), tenant: 'calm', digest, patient: false };
    return (await admission.consider(asked, true)).verdict.kind;
  };
  for (let k = 0; k < 3; k++) await client.send(await request('flood'));
  expect(await judged()).toBe('admit'); // the queue is read here
  // Each was durable and is gone: as if a worker had taken it.
  const before = await request('early');
  for (let k = 0; k < 20 * SLOTS; k++) admission.hold(before).durable();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await judged()).toBe('admit');
  // Not durable yet, they are still to come.
  for (let k = 0; k < 20 * SLOTS; k++) admission.hold(before);
  expect(await judged()).toBe('refuse');
});
