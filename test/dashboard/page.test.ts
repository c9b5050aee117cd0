import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { gatewayConfig, openGateway } from '../gateway/support.js';
import { violations } from '../support/axe.js';
import { openBrowser } from '../support/browser.js';
import { until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
let browser: Browser;
/** What a page said or asked that it should not have. */
let wrong: string[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url);
  browser = await openBrowser();
}, 300_000);
afterEach(() => {
  wrong = [];
});
afterAll(async () => {
  await browser.close();
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

async function open(theme: 'dark' | 'light' = 'dark', width = 1280): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: theme });
  page.setDefaultTimeout(20_000);
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(gateway.url) && !request.url().startsWith('data:'))
      wrong.push(request.url());
  });
  await page.goto(`${gateway.url}/`);
  await page.getByRole('article').nth(2).waitFor();
  return page;
}

const VIEWS = ['overview', 'machines', 'requests', 'what-if', 'operate'];

async function show(page: Page, view: string): Promise<void> {
  await page.goto(`${gateway.url}/#/${view}`);
  await page
    .getByRole('link', { name: view.replace('-', ' '), exact: false })
    .and(page.locator('[aria-current]'))
    .waitFor();
}

test('each view is accessible, its colours in both themes, and asks no other host', async () => {
  const page = await open('dark');
  for (const view of VIEWS) {
    await show(page, view);
    expect(await violations(page), view).toEqual([]);
    await page.emulateMedia({ colorScheme: 'light' });
    expect(await violations(page, ['color-contrast']), `${view}, light`).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
  }
  expect(wrong).toEqual([]);
  await page.close();
});

test('the machine in view is saved as Mermaid, SVG and JSON', async () => {
  const page = await open();
  await show(page, 'machines');
  await page.locator('.chart-box svg').first().waitFor();
  for (const [name, ending, content] of [
    ['Mermaid', '.mmd', 'stateDiagram'],
    ['SVG', '.svg', 'xmlns="http://www.w3.org/2000/svg"'],
    ['JSON', '.json', '"burstProtect"'],
  ] as const) {
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name, exact: true }).first().click();
    const download = await saved;
    expect(download.suggestedFilename().endsWith(ending), name).toBe(true);
    expect(readFileSync(await download.path(), 'utf8'), name).toContain(content);
  }
  await page.close();
});

test('a request is found, and shown stage by stage', async () => {
  const { url } = gateway;
  const body = { id: 'find-me', messages: [{ role: 'user', content: 'Hello' }], slo_level: 'high' };
  const stop = new AbortController();
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, model: (await models()) ?? '' }),
    signal: stop.signal,
  }).catch(() => {});
  const page = await open();
  await show(page, 'requests');
  await page.getByLabel('State').selectOption('waiting');
  await page.getByRole('row').getByRole('button').first().click();
  const waterfall = page.getByRole('region', { name: /Request chatcmpl-/ });
  await waterfall.getByText('queued').waitFor();
  await waterfall.getByText('under way').waitFor();
  stop.abort();
  await page.close();
});

async function models(): Promise<string | undefined> {
  const { data } = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: { id: string }[] };
  return data[0]?.id;
}

test('what an operator asks is confirmed, done or refused in words, and written down', async () => {
  const page = await open();
  await show(page, 'operate');
  const high = page.getByRole('article', { name: 'high' });
  await high.getByRole('button', { name: 'Pause planner' }).click();
  await page.getByRole('dialog').waitFor();
  expect(await violations(page), 'the open dialog').toEqual([]);
  await page.getByRole('button', { name: 'No' }).click();
  await high.getByLabel('Floor of workers').fill('2');
  await high.getByRole('button', { name: 'Set' }).click();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  // No planner runs here.
  await page.getByText(/Not done: the planner of high has not taken it/).waitFor();
  const line = page.getByRole('row').filter({ hasText: 'keep at least 2 workers in high' });
  await line.getByText(/not_running/).waitFor();
  expect(await page.getByText('pause the planner of high').count()).toBe(0);
  await page.close();
});

test('a planner is shown with the floor and the mode that hold for it, and as silent once it is not heard', async () => {
  const now = Date.now();
  const step = {
    pool: 'low',
    sequence: 1,
    atMs: now,
    from: 'idle',
    to: 'steady',
    event: 'TICK',
    reason: 'r',
  };
  const keys = new Keys(gatewayConfig().namespace);
  const record = JSON.stringify({ ...step, numbers: {}, order: null, observation: null });
  await redis.xadd(keys.transitions('low'), '*', 'record', record);
  const beat = (atMs: number) =>
    redis.hset(
      keys.roles(),
      'planner-low',
      JSON.stringify({ role: 'planner', pool: 'low', pid: 1, atMs, holds: { floor: 3, advisory: true } }),
    );
  const beating = setInterval(() => void beat(Date.now()), 500);
  const page = await open();
  const low = page.getByRole('article', { name: 'low' });
  try {
    await beat(Date.now());
    await show(page, 'operate');
    await low.getByText('advisory', { exact: true }).waitFor();
    expect(await low.getByLabel('Floor of workers').inputValue()).toBe('3');
    await low.getByRole('button', { name: 'End advisory' }).waitFor();
    await low.locator('[data-state=steady]').waitFor();
  } finally {
    clearInterval(beating);
  }
  await low.getByText('planner silent').waitFor();
  expect(await low.locator('[data-state=steady]').count()).toBe(0);
  await show(page, 'machines');
  await page
    .getByRole('img', { name: /^Planner low.* is silent, was steady$/ })
    .first()
    .waitFor();
  expect(await violations(page)).toEqual([]);
  await page.close();
  await redis.hdel(keys.roles(), 'planner-low');
});

test('at 390 pixels nothing is wider than the page', async () => {
  const page = await open('dark', 390);
  const width = (of: string) => page.evaluate<number>(`document.documentElement.${of}`);
  for (const view of VIEWS) {
    await show(page, view);
    expect(await width('scrollWidth'), view).toBeLessThanOrEqual(await width('clientWidth'));
  }
  await page.close();
});

test('markup in what the system says is shown as text', async () => {
  const evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
  const record = {
    pool: 'high',
    sequence: 1,
    atMs: Date.now(),
    from: 'idle',
    to: 'steady',
    event: 'TICK',
    reason: evil,
    numbers: { [evil]: evil },
    order: null,
    observation: null,
  };
  const keys = new Keys(gatewayConfig().namespace);
  await redis.xadd(keys.transitions('high'), '*', 'record', JSON.stringify(record));
  const page = await open();
  await page.getByText(evil).first().waitFor();
  expect(await page.evaluate(`'hit' in window`)).toBe(false);
  expect(await page.locator('img').count()).toBe(0);
  expect(wrong).toEqual([]);
  await page.close();
});

test('hostile names of workers, requests, tenants and lines of an engine are shown as text', async () => {
  const evil = '<img src=x onerror="window.hit=1">\x1b[31m\u202e';
  const markup = '<img src=x onerror="window.hit=1">';
  const keys = new Keys(gatewayConfig().namespace);
  const now = Date.now();
  const beat = {
    workerId: `w${evil}`,
    pool: 'high',
    role: 'vllm',
    state: 'failed',
    leaseId: 'l',
    host: evil,
  };
  const rest = { pid: 1, gpus: [evil], tp: 1, load: null, engineLog: [evil], activeRequests: 0 };
  const worker = { ...beat, ...rest, state: 'ready', startedAtMs: now, readyAtMs: now, atMs: now };
  await redis.hset(keys.heartbeats('high'), beat.workerId, JSON.stringify(worker));
  // A plain client of the queue, past all that the gateway checks.
  const client = await SluiceClient.open(gatewayConfig(), server.url);
  const asked = client.route({ prompt: evil, slo_level: 'high' });
  await client.takeTurn(asked, { tenant: `t${evil}`, key: 'k' });
  await client.send(asked);
  const page = await open();
  await show(page, 'machines');
  await page.getByText(`w${markup}`).first().waitFor();
  await show(page, 'operate');
  await page.getByText(`w${markup}`).first().waitFor();
  await show(page, 'requests');
  await page.getByText(`t${markup}`).first().waitFor();
  expect(await page.evaluate(`'hit' in window`)).toBe(false);
  expect(await page.locator('img').count()).toBe(0);
  expect(wrong).toEqual([]);
  await page.close();
  await client.close();
});

test('without Redis the page says how old its figures are, and is live again when Redis is', async () => {
  const page = await open();
  process.kill(server.pid, 'SIGSTOP');
  try {
    await page
      .getByRole('alert')
      .getByText(/These figures are \d+ s old/)
      .waitFor();
    await page.locator('main.stale').waitFor();
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await page.getByRole('alert').waitFor({ state: 'detached' });
  await page.getByText('live', { exact: true }).waitFor();
  await page.close();
});

test('a tab out of sight lets its stream go, and follows again when it is seen', async () => {
  const page = await open();
  const ended: string[] = [];
  page.on('requestfailed', (request) => ended.push(request.url()));
  const seen = (hidden: boolean) =>
    page.evaluate(`
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
      document.dispatchEvent(new Event('visibilitychange'));`);
  await seen(true);
  await until(() => ended.some((url) => url.endsWith('/dashboard/stream')), 'the stream let go');
  const again = page.waitForRequest('**/dashboard/stream');
  await seen(false);
  await again;
  await page.getByText('live', { exact: true }).waitFor();
  // Seen again at once, it never lets go.
  ended.length = 0;
  await seen(true);
  await seen(false);
  await page.waitForTimeout(7_000);
  expect(ended).toEqual([]);
  expect(wrong).toEqual([]);
  await page.close();
});
