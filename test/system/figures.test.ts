import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunReport } from '../../src/contract/report.js';
import type { BudgetStatus, PoolStatus, SystemStatus } from '../../src/contract/status.js';
import { count, percent, rate, seconds, usd } from '../../src/dashboard/page/format.js';
import { rounded } from '../../src/dashboard/rounded.js';
import { watched } from '../../src/dashboard/watched.js';
import { openBrowser } from '../support/browser.js';
import { TestSystem } from '../support/system.js';

/** Dear enough that a run of half a minute costs something to be seen. */
const USD_PER_GPU_HOUR = 7.2;
/** The page is read so often until it agrees. */
const LOOKS = 12;

let system: TestSystem;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await openBrowser();
  system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.concat(`\ngateway: { port: 0 }\npricing: { usd_per_gpu_hour: ${USD_PER_GPU_HOUR} }\n`),
  );
  const [gateway] = await system.gateways();
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${gateway?.url}/`);
  await page.getByRole('article').nth(1).waitFor();
}, 300_000);
afterAll(async () => {
  await browser.close();
  await system.close();
});

/** What the Overview shows, by place. */
function shown(): Promise<Record<string, string>> {
  return page.evaluate<Record<string, string>>(`(() => {
    const figures = {};
    const text = (from, selector) => (from.querySelector(selector)?.textContent ?? '').trim();
    for (const one of document.querySelectorAll('.summary .figure')) {
      figures[text(one, 'dt')] = text(one, '.value');
      if (one.querySelector('.note') !== null) figures[text(one, 'dt') + ', note'] = text(one, '.note');
    }
    for (const card of document.querySelectorAll('article.card')) {
      const pool = card.dataset.pool;
      figures[pool + ' state'] = card.querySelector('.pill').dataset.state;
      figures[pool + ' in time'] = text(card, '.attained .big');
      for (const row of card.querySelectorAll('table.budget tbody tr')) {
        const [inTime, left, burn] = [...row.querySelectorAll('td')].map((cell) => cell.textContent.trim());
        figures[pool + ' over ' + text(row, 'th')] = [row.title, inTime, left, burn].join('; ');
      }
      for (const one of card.querySelectorAll('.latency')) figures[pool + ' ' + text(one, '.name')] = text(one, '.value');
      for (const one of card.querySelectorAll('dl.row > div')) figures[pool + ' ' + text(one, 'dt')] = text(one, 'dd');
      figures[pool + ' workers'] = text(card, '.workers > span:last-child');
    }
    for (const one of document.querySelectorAll('dl.uses > div')) figures[text(one, 'dt')] = text(one, 'dd');
    for (const tile of document.querySelectorAll('[data-gpu]')) figures[tile.dataset.gpu] = tile.dataset.pool;
    return figures;
  })()`);
}

/** What the Overview should show of a status. */
function expected(exact: SystemStatus): Record<string, string> {
  const status = rounded(exact);
  const { pools, total, gpus } = status;
  const known = pools.filter(({ budget }) => budget.minute.attainment !== null);
  const kept = known.filter((pool) => (pool.budget.minute.attainment ?? 0) >= 1 - pool.violationsAllowed);
  const arriving = pools.reduce((sum, pool) => sum + (pool.arrivalsPerSecond ?? 0), 0);
  return Object.assign(
    {
      'Promises kept, last minute':
        known.length === 0 ? 'no request ended' : `${kept.length} of ${known.length}`,
      'Requests per second': rate(arriving),
      'Requests per second, note': `${count(total.rejected)} refused`,
      'GPUs held': `${total.gpusHeld} of ${total.gpus}`,
      'Cost per hour': usd(total.usdPerHour),
      'Cost per hour, note': `static ${usd(total.staticUsdPerHour)}`,
      'Saved against static': percent(total.savedGpuHours / total.staticGpuHours, 0),
      'Saved against static, note': `${usd(total.costUsd)} spent in all`,
    },
    ...pools.map((pool) => expectedOf(pool, status)),
    Object.fromEntries(
      status.priorities.map(({ priority, pools, now, run }) => [
        `Priority ${priority}, ${pools.join(', ')}`,
        `${percent(now)} in use, ${percent(run)} since the start`,
      ]),
    ),
    Object.fromEntries(gpus.map((gpu) => [gpu.id, gpu.pool ?? ''])),
  );
}

function expectedOf(pool: PoolStatus, status: SystemStatus): Record<string, string> {
  const { name, budget, targets, latencyPercentile, workers } = pool;
  const over = ({ requests, attainment, left, burnRate }: BudgetStatus) => {
    const burn = burnRate === null ? '–' : `${burnRate.toFixed(1)}×`;
    return `${count(requests)} requests ended; ${percent(attainment)}; ${percent(left, 0)}; ${burn}`;
  };
  const latency = (of: number | null, target: number) => `${seconds(of)} of ${seconds(target)}`;
  const number = (state: string) => workers.each.filter((worker) => worker.state === state).length;
  const { desired, shortage } = workers;
  const level = status.levels[pool.level];
  const figures = {
    state: pool.planner.state ?? 'unknown',
    'in time': budget.minute.attainment === null ? 'no request' : percent(budget.minute.attainment),
    'over 1 min': over(budget.minute),
    'over 1 h': over(budget.hour),
    'over 24 h': over(budget.day),
    [`TTFT p${latencyPercentile}`]: latency(watched(pool, pool.minute.ttftSeconds), targets.ttftSeconds),
    [`ITL p${latencyPercentile}`]: latency(watched(pool, pool.minute.itlSeconds), targets.itlSeconds),
    Arriving: `${rate(pool.arrivalsPerSecond)}/s`,
    Queued: count(pool.queue.waiting),
    Running: count(pool.queue.running),
    Refused: count(pool.counts.refused),
    Cost: `${usd(level?.usdPerHour)}/h`,
    '1k tokens': usd(level?.usdPerThousandTokens),
    'Scaling efficiency': percent(pool.scaling.efficiency),
    [`TP ${pool.tensorParallel.degree ?? '–'} efficiency`]: percent(pool.tensorParallel.efficiency),
    'GPUs in use': percent(pool.utilization.now),
    workers:
      `${number('ready')} ready, ${number('starting')} starting, ${number('draining')} draining` +
      `${desired === null ? '' : ` of ${desired.prefill + desired.decode} ordered`}` +
      `${shortage === null || shortage === 'none' ? '' : ` short by ${shortage}`}`,
  };
  return Object.fromEntries(Object.entries(figures).map(([what, value]) => [`${name} ${what}`, value]));
}

test('once a run has ended, each figure of the Overview is that of the status and of the report', async () => {
  const before = await system.status();
  const trace = join(system.dataDir, 'trace.jsonl');
  const rows = Array.from({ length: 100 }, (_, k) =>
    JSON.stringify({ at_seconds: k * 0.2, isl: 400, osl: 30 }),
  );
  await writeFile(trace, rows.join('\n'));
  const args = ['--format', 'jsonl', '-c', system.configFile, '--mix', 'high=.7,low=.3', '--json'];
  const run = await system.cli('replay', trace, ...args);
  expect(run.code, run.stderr).toBe(0);
  const report: RunReport = JSON.parse(run.stdout);

  // Costs and shares of a system that stands still go on with time: each figure is that of one of the looks around it.
  const looks = [await system.status(), await system.status()];
  let found: Record<string, string> = {};
  let wanted: Record<string, string> = {};
  for (let look = 0; look < LOOKS; look++) {
    found = await shown();
    looks.push(await system.status());
    const told = looks.slice(-3).map(expected);
    const newest = told.at(-1) ?? {};
    wanted = Object.fromEntries(
      Object.entries(newest).map(([what, value]) => {
        const same = told.some((one) => one[what] === found[what]);
        return [what, same ? (found[what] ?? value) : value];
      }),
    );
    if (JSON.stringify(sorted(found)) === JSON.stringify(sorted(wanted))) break;
  }
  expect(sorted(found)).toEqual(sorted(wanted));
  const status = looks.at(-1)!;

  // The report of the same run tells the same.
  for (const [name, told] of Object.entries(report.pools)) {
    const pool = status.pools.find((one) => one.name === name)!;
    const { hour } = pool.budget;
    expect(found[`${name} over 1 h`]).toContain(
      `${told.requests} requests ended; ${percent(told.attainment)};`,
    );
    expect(hour.requests).toBe(told.requests);
    for (const which of ['ttftSeconds', 'itlSeconds'] as const) {
      const exact = watched(pool, told[which])!;
      const sketched = watched(pool, pool.run[which])!;
      // The sketch of all requests since the start is exact to 2 %; the client's clock has the reply's way in it.
      expect(Math.abs(sketched / exact - 1), `${name} ${which}: ${sketched} and ${exact}`).toBeLessThan(0.1);
    }
    const since = (pool.gpuSeconds - before.pools.find((one) => one.name === name)!.gpuSeconds) / 3600;
    expect(told.gpuHours).toBeLessThanOrEqual(since + 1e-9);
    expect(told.costUsd).toBeCloseTo(told.gpuHours * USD_PER_GPU_HOUR, 9);
  }
  const spent = status.total.costUsd - before.total.costUsd;
  const told = Object.values(report.pools).reduce((sum, pool) => sum + pool.costUsd, 0);
  const later = (status.atMs - before.atMs) / 1000 - report.total.wallSeconds;
  const held = status.total.gpus * USD_PER_GPU_HOUR;
  expect(spent - told).toBeGreaterThanOrEqual(-1e-9);
  expect(spent - told).toBeLessThanOrEqual((later / 3600) * held);
}, 240_000);

function sorted(figures: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(figures).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
