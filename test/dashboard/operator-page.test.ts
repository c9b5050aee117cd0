import type { Redis } from 'ioredis';
import { pino } from 'pino';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { startPlanner } from '../../src/scheduler/planner-loop/start.js';
import { createKey, revokeKey } from '../../src/tenants/key-store.js';
import { gatewayConfig, openGateway } from '../gateway/support.js';
import { openBrowser } from '../support/browser.js';
import { HandEngine, startPoolWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const config = gatewayConfig((change) => {
  change.gateway.auth = 'keys';
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
let browser: Browser;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url, config);
  browser = await openBrowser();
}, 300_000);
afterAll(async () => {
  await browser.close();
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

async function operatorKey() {
  const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrent: null, budget: null };
  const fields = { tenant: 'acme', name: '', maxLevel: null, beyond: 'refuse' as const, operator: true };
  const { key, text } = await createKey(redis, keys, { ...fields, ...limits }, Date.now());
  return { id: key.id, text };
}

async function give(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Open' }).click();
}

/** A view of the page, with the key of an operator. */
async function open(view: string): Promise<{ page: Page; id: string }> {
  const { id, text } = await operatorKey();
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(20_000);
  await page.goto(`${gateway.url}/#/${view}`);
  await give(page, text);
  await page.getByText('live', { exact: true }).waitFor();
  return { page, id };
}

const focused = (page: Page) => page.evaluate<string>('document.activeElement.textContent');

test('a key that no header can carry is asked for again, and so is one that is revoked', async () => {
  const { id, text } = await operatorKey();
  const page = await browser.newPage();
  await page.goto(`${gateway.url}/#/requests`);
  await give(page, 'ключ');
  await page.getByText(/expected a key of Latin letters/).waitFor();
  await page.reload();
  await give(page, text);
  await page.getByRole('button', { name: 'Live tail on' }).waitFor();
  await revokeKey(redis, keys, id, Date.now());
  await page.getByLabel('API key').waitFor();
  await page.getByText('no access').waitFor();
  await page.close();
});

test('a refused answer to anything that the page asks brings the form for a key', async () => {
  const { page, id } = await open('what-if');
  // Its stream, once cut, does not come through again, so that it cannot tell why.
  await page.route('**/dashboard/stream', (route) => route.abort());
  await revokeKey(redis, keys, id, Date.now());
  await page.getByRole('button', { name: 'Simulate both' }).waitFor();
  await page.goto(`${gateway.url}/#/requests`);
  await page.getByLabel('API key').waitFor();
  await page.close();
});

test('the skip button leads to the view that is open', async () => {
  const { page } = await open('operate');
  await page.getByRole('button', { name: 'Skip to the view' }).focus();
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('content');
  expect(page.url()).toContain('#/operate');
  await page.close();
});

test('the floor box shows the floor that holds once it is set; the dialog gives the focus back', async () => {
  const log = pino({ level: 'silent' });
  const stop = startPlanner('high', { config, redisUrl: server.url, log, inspect: null }, () => {});
  await until(async () => (await redis.hget(keys.roles(), 'planner-high')) !== null, 'the planner is up');
  const { page } = await open('operate');
  const high = page.getByRole('article', { name: 'high' });
  await high.getByRole('button', { name: 'Pause planner' }).click();
  await page.getByRole('button', { name: 'No' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await focused(page)).toBe('Pause planner');
  await high.getByLabel('Floor of workers').fill('99');
  await high.getByRole('button', { name: 'Set' }).click();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  const most = config.pools.high!.maxWorkers;
  await page.getByText(`a floor of ${most} holds, more does not fit its limits`).first().waitFor();
  expect(await focused(page)).toBe('Set');
  await until(
    async () => (await high.getByLabel('Floor of workers').inputValue()) === String(most),
    'the box shows the floor that holds',
  );
  await page.close();
  await stop();
});

test('an open request follows the live tail', async () => {
  const engine = new HandEngine();
  const worker = await startPoolWorker(server.url, config, 'high', engine, 'w-high');
  const client = await SluiceClient.open(config, server.url);
  const sent = await client.submit({ id: 'r-open', prompt: 'Hello', slo_level: 'high', max_tokens: 4 });
  await until(() => engine.seen.length === 1, 'it runs');
  const { page } = await open('requests');
  await page.getByRole('button', { name: sent.id }).click();
  const waterfall = page.getByRole('region', { name: `Request ${sent.id}` });
  const stage = (name: string) => waterfall.getByRole('listitem').filter({ hasText: name });
  await stage('prefill').getByText('under way').waitFor();
  engine.allow(sent.id, 2);
  await stage('decode').getByText('under way').waitFor();
  engine.allow(sent.id, 4);
  await sent.done;
  await stage('delivered').waitFor();
  await waterfall.getByText('completed').waitFor();
  await page.close();
  await client.close();
  await worker.stop();
});
