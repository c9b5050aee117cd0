import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { pageAssets } from '../../src/dashboard/assets.js';
import { Feed } from '../../src/dashboard/feed.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { collectStatus } from '../../src/telemetry/status.js';
import { gatewayConfig } from '../gateway/support.js';
import { openBrowser } from '../support/browser.js';
import { startTestRedis } from '../support/redis.js';
import { busyViews } from './views.js';

const UPDATES = 10_000;
/** The page keeps 1,800 samples and 3,000 decisions: at one of each with each update, all that it bounds is full. */
const FULL = 3_500;
/** Updates of which at least one is drawn before more come. */
const DRAWN_EACH = 8;
/** Updates after which each other view is looked at once. */
const VISIT_EACH = 250;

let browser: Browser;
let server: Server;
let url: string;
let view: ReturnType<typeof busyViews>;
const feed = new Feed(() => performance.now());

beforeAll(async () => {
  const redis = await startTestRedis();
  const connection = connect(redis.url, 'plain');
  const config = gatewayConfig();
  view = busyViews(await collectStatus(connection, new Keys(config.namespace), config, Date.now()));
  connection.disconnect();
  await redis.stop();
  const assets = pageAssets();
  server = createServer((request, response) => {
    if (request.url === '/dashboard/stream')
      return feed.add(response, {}, String(request.headers['last-event-id']));
    if (request.url === '/dashboard/history') return response.end('{"samples":[],"log":{}}');
    if (request.url?.startsWith('/dashboard/requests')) return response.end('{"requests":[]}');
    const asset = assets.get(request.url ?? '');
    response.writeHead(asset === undefined ? 404 : 200, { 'content-type': asset?.type ?? 'text/plain' });
    response.end(asset?.plain);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await openBrowser();
}, 300_000);
afterAll(async () => {
  await browser.close();
  feed.close();
  server.close();
});

/** What a page holds once all garbage is gone: the least of some readings, since what is under way is not kept. */
async function held(page: Page, session: CDPSession) {
  const readings: { bytes: number; nodes: number; listeners: number }[] = [];
  for (let k = 0; k < 5; k++) {
    await page.waitForTimeout(300);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const { nodes, jsEventListeners } = await session.send('Memory.getDOMCounters');
    readings.push({ bytes: usedSize, nodes, listeners: jsEventListeners });
  }
  const least = (of: (one: (typeof readings)[0]) => number) => Math.min(...readings.map(of));
  const [bytes, nodes] = [least((one) => one.bytes), least((one) => one.nodes)];
  return { bytes, nodes, listeners: least((one) => one.listeners) };
}

const DRAWN = (n: number) => `new Promise((resolve, reject) => {
  const shown = '${n.toLocaleString('en-US')} refused';
  const giveUp = performance.now() + 20_000;
  const look = () => {
    if (document.querySelector('.summary')?.textContent.includes(shown)) resolve();
    else if (performance.now() > giveUp) reject(new Error('not drawn: ' + shown));
    else setTimeout(look);
  };
  look();
})`;

/** Publishes views one by one, each sent whole; every few are drawn, and now and then someone looks at the other views. */
async function drive(page: Page, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    feed.publish(view(n));
    while (feed.waiting > 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    if (n % DRAWN_EACH === 0 || n === to - 1) await page.evaluate(DRAWN(n));
    if (n % VISIT_EACH !== VISIT_EACH - 1) continue;
    for (const name of ['machines', 'requests', 'operate', 'overview']) {
      await page.goto(`${url}/#/${name}`);
      await page.locator(`a[href="#/${name}"][aria-current=page]`).waitFor();
    }
  }
}

test('a page that is open for 10,000 updates holds no more at the end than when all that it keeps was full', async () => {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const session = await page.context().newCDPSession(page);
  await page.goto(url);
  await drive(page, 0, FULL);
  const full = await held(page, session);
  await drive(page, FULL, UPDATES);
  const end = await held(page, session);
  expect(end.nodes).toBeLessThanOrEqual(full.nodes);
  expect(end.listeners).toBeLessThanOrEqual(full.listeners);
  // 40 bytes kept of each of the 6,500 updates would be seen.
  expect(end.bytes / full.bytes).toBeLessThan(1.05);
}, 900_000);
