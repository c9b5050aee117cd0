import type { Redis } from 'ioredis';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { gatewayConfig, openGateway } from '../gateway/support.js';
import { openBrowser } from '../support/browser.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { config, knownRun } from '../telemetry/known-run.js';

let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
let browser: Browser;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url, { ...config, gateway: gatewayConfig().gateway });
  browser = await openBrowser();
}, 300_000);
afterAll(async () => {
  await browser.close();
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

/** The arithmetic of the answers stands in known-run.ts. */
test('the monitoring of the specification is right on the page and at /metrics, on a run with known answers', async () => {
  await knownRun(redis, Date.now());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${gateway.url}/`);
  const card = (name: string) => page.getByRole('article', { name, exact: true });
  await card('high').waitFor();
  await card('high').getByText('50.0 %', { exact: true }).waitFor();
  const figures = async (name: string) =>
    Object.fromEntries(
      await Promise.all(
        (await card(name).locator('dl.row > div').all()).map(async (one) => [
          await one.locator('dt').textContent(),
          await one.locator('dd').textContent(),
        ]),
      ),
    );
  const compliance = (name: string) => card(name).locator('table.budget tr').filter({ hasText: '1 h' });
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  const metric = (series: string) => {
    const line = metrics.split('\n').find((each) => each.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length));
  };

  const [high, low] = [await figures('high'), await figures('low')];

  // SLO compliance per pool.
  expect(await compliance('high').textContent()).toBe('1 h96.0 %20 %0.8×');
  expect(await compliance('low').textContent()).toBe('1 h70.0 %-50 %1.5×');
  expect(metric('sluice_slo_attainment_ratio{pool="high",level="high",window="1h"}')).toBeCloseTo(0.96);
  expect(metric('sluice_slo_attainment_ratio{pool="low",level="low",window="1h"}')).toBeCloseTo(0.7);

  // Cost per level: 8 USD by 98,000 tokens, 1 USD by 10,000.
  expect([high['1k tokens'], low['1k tokens']]).toEqual(['$0.0816', '$0.10']);
  expect(metric('sluice_level_cost_usd_total{level="high"}')).toBeCloseTo(8);
  expect(metric('sluice_level_cost_usd_total{level="low"}')).toBeCloseTo(1);

  // Scaling efficiency.
  expect([high['Scaling efficiency'], low['Scaling efficiency']]).toEqual(['75.0 %', '25.0 %']);
  expect(metric('sluice_scaling_efficiency_ratio{pool="high",level="high"}')).toBeCloseTo(0.75);

  // Use by priority since the start, and of each pool now: half of the KV blocks of every worker.
  const uses = await page.getByLabel('Use of held GPUs by priority').locator('div').allTextContents();
  expect(uses).toEqual([
    expect.stringMatching(/^Priority 1, high.* 75\.0 % since the start$/),
    expect.stringMatching(/^Priority 3, low.* 25\.0 % since the start$/),
  ]);
  expect(metric('sluice_priority_utilization_ratio{priority="1",window="run"}')).toBeCloseTo(0.75);
  expect(metric('sluice_priority_utilization_ratio{priority="3",window="run"}')).toBeCloseTo(0.25);
  expect([high['GPUs in use'], low['GPUs in use']]).toEqual(['50.0 %', '50.0 %']);

  // Tensor-parallel efficiency per pool: TP 1 is the measure itself, TP 2 loses to communication.
  expect(low['TP 1 efficiency']).toBe('100.0 %');
  const two = metric('sluice_tensor_parallel_efficiency_ratio{pool="high",level="high"}')!;
  expect(two).toBeGreaterThan(0.3);
  expect(two).toBeLessThan(1);
  expect(high['TP 2 efficiency']).toBe(`${(two * 100).toFixed(1)} %`);
  await page.close();
});
