import axe from 'axe-core';
import type { Redis } from 'ioredis';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { gatewayConfig, openGateway } from '../gateway/support.js';
import { openBrowser } from '../support/browser.js';
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

/** Rules of axe-core that are broken, the serious ones. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(`${axe.source}; undefined`);
  const found = await page.evaluate(() => {
    const { run } = (globalThis as unknown as { axe: typeof axe }).axe;
    return run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] });
  });
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
}

test.each(['dark', 'light'] as const)(
  'the overview is accessible and asks no other host, %s',
  async (theme) => {
    const page = await open(theme);
    expect(await violations(page)).toEqual([]);
    expect(wrong).toEqual([]);
    await page.close();
  },
);

test('at 390 pixels nothing is wider than the page', async () => {
  const page = await open('dark', 390);
  const width = (of: string) => page.evaluate<number>(`document.documentElement.${of}`);
  expect(await width('scrollWidth')).toBeLessThanOrEqual(await width('clientWidth'));
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
