import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway } from './support.js';

const slashed = 'meta-llama/Llama-3.1-8B';
const config = gatewayConfig(({ pools }) => {
  pools.low!.model = slashed;
});
let redis: TestRedis;
let gateway: Gateway;
let openai: OpenAI;
beforeAll(async () => {
  redis = await startTestRedis();
  gateway = await openGateway(redis.url, config);
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await gateway.close();
  await redis.stop();
});

const upload = async (content: string | Buffer, more: object = {}) =>
  openai.files.create({ file: await toFile(Buffer.from(content), 'in.jsonl'), purpose: 'batch', ...more });
interface List {
  data: { id: string }[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}
const get = async <T = List>(path: string) => {
  const answer = await fetch(`${gateway.url}/v1/${path}`);
  return { status: answer.status, body: (await answer.json()) as T };
};

it('shows each model by its id, slashes and all', async () => {
  const { data } = await openai.models.list();
  expect(data.map(({ id }) => id)).toEqual(['llama-3.1-8b', slashed]);
  for (const model of data) expect(await openai.models.retrieve(model.id)).toEqual(model);
  expect(await get(`models/${slashed}`)).toMatchObject({ status: 200, body: { id: slashed } });
  await expect(openai.models.retrieve('gpt-9')).rejects.toMatchObject({ status: 404, code: 'unknown_model' });
  const wrong = await fetch(`${gateway.url}/v1/models/${slashed}`, { method: 'PUT' });
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET']);
});

it('lists files page by page, in either order, of one purpose', async () => {
  const ids: string[] = [];
  for (let k = 0; k < 5; k++) ids.push((await upload(`${k}`)).id);
  const { body: all } = await get('files');
  const newest = all.data.map(({ id }) => id);
  expect(all).toMatchObject({ has_more: false, first_id: newest[0], last_id: newest[4] });
  expect([...newest].sort()).toEqual([...ids].sort());

  const first = (await get('files?limit=2')).body;
  expect(first).toMatchObject({ has_more: true, first_id: newest[0], last_id: newest[1] });
  expect(first.data).toHaveLength(2);
  const second = (await get(`files?limit=3&after=${first.last_id}`)).body;
  expect(second).toMatchObject({ has_more: false, first_id: newest[2], last_id: newest[4] });
  expect((await get(`files?after=${newest[4]}`)).body).toMatchObject({
    data: [],
    last_id: null,
    has_more: false,
  });

  const paged: string[] = [];
  for await (const file of openai.files.list({ limit: 2, order: 'asc' })) paged.push(file.id);
  expect(paged).toEqual(newest.toReversed());
  expect((await get('files?purpose=batch&limit=1')).body).toMatchObject({ has_more: true });
  expect((await get('files?purpose=batch_output')).body).toMatchObject({ data: [], has_more: false });
});

it('lists batches page by page, twenty where nothing is said', async () => {
  const { id: input_file_id } = await upload('nonsense');
  const endpoint = '/v1/completions';
  const made = Array.from({ length: 21 }, () =>
    openai.batches.create({ input_file_id, endpoint, completion_window: '24h' }),
  );
  const ids = (await Promise.all(made)).map(({ id }) => id);
  const { body: usual } = await get('batches');
  expect([usual.data.length, usual.has_more, usual.last_id]).toEqual([20, true, usual.data[19]!.id]);
  const paged: string[] = [];
  for await (const batch of openai.batches.list({ limit: 8 })) paged.push(batch.id);
  expect(paged.sort()).toEqual(ids.sort());
});

it('goes on behind a file that was deleted meanwhile', async () => {
  for (let k = 0; k < 3; k++) await upload(`gone ${k}`);
  for await (const file of openai.files.list({ limit: 2 })) await openai.files.delete(file.id);
  expect((await get('files')).body.data).toEqual([]);
});

it('keeps the input of a batch past its window', async () => {
  const { id, created_at } = await upload('x', { expires_after: { anchor: 'created_at', seconds: 3600 } });
  const endpoint = '/v1/completions';
  await openai.batches.create({ input_file_id: id, endpoint, completion_window: '24h' });
  const kept = await openai.files.retrieve(id);
  expect(kept.expires_at).toBeGreaterThanOrEqual(created_at + 25 * 3600);
  const plain = connect(redis.url, 'plain');
  const left = await plain.ttl(new Keys(config.namespace).tenants('file', id));
  plain.disconnect();
  expect(left).toBeGreaterThan(24 * 3600);
});

it.each([
  'files?limit=0',
  'files?limit=10001',
  'files?order=up',
  'files?after=none',
  'batches?limit=101',
  'batches?after=',
])('refuses %s', async (path) => {
  const { status, body } = await get<{ error: { param: string } }>(path);
  expect(status).toBe(400);
  expect(body.error.param).toBe(/\?(\w+)/.exec(path)![1]);
});

it('gives a file back byte for byte, and keeps it as long as it was asked to', async () => {
  const marked = Buffer.from('\ufeffhi');
  const file = await upload(marked, { expires_after: { anchor: 'created_at', seconds: 3600 } });
  expect(file).toMatchObject({ bytes: 5, expires_at: file.created_at + 3600 });
  expect(Buffer.from(await (await openai.files.content(file.id)).arrayBuffer())).toEqual(marked);
  const plain = connect(redis.url, 'plain');
  const left = await plain.ttl(new Keys(config.namespace).tenants('file', file.id));
  plain.disconnect();
  expect(left).toBeLessThanOrEqual(3600);
  const long = upload('x', { expires_after: { anchor: 'created_at', seconds: 2_592_000 } });
  await expect(long).rejects.toMatchObject({ status: 400, message: expect.stringContaining('604800') });
});
