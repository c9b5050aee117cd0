import type { Redis } from 'ioredis';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Gateway } from '../../../src/gateway/gateway.js';
import { connect } from '../../../src/queues/connection.js';
import { Keys } from '../../../src/queues/keys.js';
import { Recorder } from '../../../src/telemetry/recorder.js';
import { gatewayConfig, openGateway } from '../../gateway/support.js';
import { violations } from '../../support/axe.js';
import { openBrowser } from '../../support/browser.js';
import { until } from '../../support/pool.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';

// Simulations stand back for all else, on a busy machine far.
vi.setConfig({ testTimeout: 240_000 });

const config = gatewayConfig();
let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
let browser: Browser;
/** What a page said or asked that it should not have. */
const wrong: string[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  await record();
  gateway = await openGateway(server.url, config);
  browser = await openBrowser();
}, 300_000);
afterAll(async () => {
  await browser.close();
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

/** Ten minutes of high, with a crowd in the middle; none of the others. */
async function record(): Promise<void> {
  const recorder = new Recorder(redis, new Keys(config.namespace));
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  for (let second = 0; second < 600; second++) {
    const atMs = minute - 600_000 + second * 1000;
    for (let n = 0; n < (second > 240 && second < 360 ? 40 : 3); n++) {
      recorder.arrival('high', atMs, 1500);
      recorder.ended('high', { kind: 'completed', attained: true, isl: 1500, osl: 200, atMs });
    }
  }
  await recorder.flush();
}

async function open(width = 1280): Promise<Page> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: 'dark' });
  page.setDefaultTimeout(150_000);
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(gateway.url)) wrong.push(request.url());
  });
  await page.goto(`${gateway.url}/#/what-if`);
  await page.getByText(/requests on record/).waitFor();
  return page;
}

const percent = (text: string | null) => Number(/[\d.]+/.exec(text ?? '')?.[0]);

test('the last hour is simulated with half the budget, by keyboard alone, and both runs are shown', async () => {
  const page = await open();
  // 119 seconds of 40 and 481 of 3.
  await page.getByText(/6,203 requests on record, the first 1[0-2] min ago/).waitFor();
  await page.getByText('Nothing is changed yet').waitFor();
  const high = page.getByRole('article', { name: 'high' });
  await high.getByLabel('GPU budget').focus();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('2');
  await high.getByText('was 4').waitFor();
  await page.getByText('1 field is changed').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('progressbar', { name: 'Simulated' }).waitFor();
  await page.getByText('Both were simulated.').waitFor();
  await page.getByText(/Changed: high gpu_budget\.ceiling 4 to 2\./).waitFor();

  const cells = page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'high' }) });
  const [before, after, hoursBefore, hoursAfter] = await cells.getByRole('cell').allTextContents();
  expect(percent(after!)).toBeLessThan(percent(before!));
  expect(percent(hoursAfter!)).toBeLessThan(percent(hoursBefore!));
  const lines = page.getByRole('region', { name: 'Over time' });
  expect(await lines.getByRole('figure').count()).toBe(6);
  await lines.getByRole('img', { name: /^GPUs: at most 4 as configured, 2 changed$/ }).waitFor();
  // Both runs are read at a moment, by keys too.
  await lines.getByLabel('Read at').focus();
  await page.keyboard.press('End');
  await lines
    .locator('.moment')
    .filter({ hasText: /\d\d:\d\d:\d\d/ })
    .waitFor();
  await lines
    .getByRole('figure')
    .filter({ hasText: 'GPUs' })
    .getByText(/as configured \d/)
    .waitFor();
  await lines.getByRole('button', { name: 'low' }).click();
  await lines.getByRole('img', { name: /^TTFT p80/ }).waitFor();

  expect(await violations(page)).toEqual([]);
  await page.emulateMedia({ colorScheme: 'light' });
  expect(await violations(page, ['color-contrast'])).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  const width = (of: string) => page.evaluate<number>(`document.documentElement.${of}`);
  // The figures are drawn anew for their width.
  await until(
    async () => (await width('scrollWidth')) <= (await width('clientWidth')),
    'all fits in 390 pixels',
  );
  expect(wrong).toEqual([]);
  await page.close();
});

test('what does not fit is told in words; a long run is cancelled', async () => {
  const page = await open();
  await page.getByRole('button', { name: 'Trace' }).click();
  await page.getByText(/Set gateway\.traces/).waitFor();
  expect(await page.getByRole('button', { name: 'Simulate both' }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'Scenario' }).click();
  await page.getByLabel('Scenario').selectOption('steady');
  await page.getByRole('article', { name: 'low' }).getByLabel('Floor of workers').fill('7');
  await page.getByRole('button', { name: 'Simulate both' }).click();
  await page
    .getByRole('alert')
    .getByText('low, Floor of workers: expected at most max_workers of 1, got 7')
    .waitFor();
  // The browser notes a refusal, too.
  expect(wrong.splice(0).every((text) => text.includes('400'))).toBe(true);
  const high = page.getByRole('article', { name: 'high' });
  await high.getByLabel('TTFT target, ms').fill('70000');
  expect(await page.getByText('Not simulated').count()).toBe(0);
  await page.getByText('high, TTFT target, ms: expected a number above 0 and at most 60000').waitFor();
  expect(await page.getByRole('button', { name: 'Simulate both' }).isDisabled()).toBe(true);
  await page.getByRole('button', { name: 'As configured' }).click();
  await page.getByLabel('Minutes').fill('300');
  await page.getByRole('button', { name: 'Simulate both' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('Cancelled.').waitFor();
  expect(await page.getByRole('button', { name: 'Simulate both' }).isEnabled()).toBe(true);
  expect(wrong).toEqual([]);
  await page.close();
});
