import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { violations } from '../support/axe.js';
import { openBrowser } from '../support/browser.js';
import { until } from '../support/pool.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What the test saw, to be looked at afterwards. */
const SHOTS = join(ROOT, 'node_modules', '.cache', 'dashboard');
/** The demo at half its pace: what is done until its end takes time where the machine is busy. */
const DEMO_SECONDS = 224;

let demo: ChildProcess;
let dataDir: string;
let browser: Browser;
let url: string;
let said = '';
const wrong: string[] = [];

/** Its own demo for each try: what a first one used up is not there for a second. */
beforeEach(async () => {
  browser = await openBrowser();
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-dashboard-'));
  mkdirSync(SHOTS, { recursive: true });
  const args = ['bin/sluice.js', 'demo', '--seconds', String(DEMO_SECONDS), '--data', dataDir];
  const { REDIS_URL: _url, SLUICE_DATA: _data, ...env } = process.env;
  said = '';
  wrong.length = 0;
  demo = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [demo.stdout, demo.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  await until(
    () => {
      url = gatewayUrl() ?? '';
      return url !== '';
    },
    'the gateway listens',
    60_000,
  );
}, 300_000);

afterEach(async () => {
  await browser.close();
  const ended = new Promise((resolve) => demo.once('exit', resolve));
  if (demo.exitCode === null && demo.kill('SIGTERM')) await ended;
  writeFileSync(join(SHOTS, 'demo.txt'), said);
  cpSync(join(dataDir, 'logs'), join(SHOTS, 'logs'), { recursive: true });
  rmSync(dataDir, { recursive: true, force: true });
}, 60_000);

function gatewayUrl(): string | undefined {
  try {
    return /"url":"([^"]+)"[^\n]*gateway ready/.exec(
      readFileSync(join(dataDir, 'logs', 'gateway.log'), 'utf8'),
    )?.[1];
  } catch {
    return undefined;
  }
}

function open(view: string, colorScheme: 'dark' | 'light' = 'dark'): Promise<Page> {
  return openUrl(`${url}/#/${view}`, colorScheme);
}

/** A page whose errors, and whose requests to another host, are written down. */
async function openUrl(address: string, colorScheme: 'dark' | 'light' = 'dark'): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme });
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') wrong.push(message.text());
  });
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url)) wrong.push(request.url());
  });
  await page.goto(address);
  return page;
}

/** Writes down, in the page, each value that an attribute takes on the elements that fit. */
const RECORD = (selector: string, name: string, value: string) => `
  window.seen = [];
  const look = () => {
    for (const element of document.querySelectorAll(${JSON.stringify(selector)})) {
      const line = element.getAttribute(${JSON.stringify(name)}) + '=' + element.getAttribute(${JSON.stringify(value)});
      const last = window.seen.findLast((one) => one.startsWith(element.getAttribute(${JSON.stringify(name)}) + '='));
      if (line !== last) window.seen.push(line);
    }
  };
  look();
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
`;
const seenBy = (page: Page) => page.evaluate<string[]>('window.seen');

/** Whether these were all seen, in this order; others may lie between. */
function inOrder(seen: readonly string[], wanted: readonly string[]): boolean {
  let next = 0;
  for (const one of seen) if (one === wanted[next]) next++;
  return next === wanted.length;
}

test('one page shows the demo: levels, states that light up, GPUs that change hands, and what came before', async () => {
  const overview = await open('overview');
  const machines = await open('machines');
  // One that nobody rewinds.
  const planner = await open('machines');
  await overview.getByRole('article').nth(2).waitFor();
  for (const page of [machines, planner]) await page.getByRole('button', { name: /^Planner high/ }).click();
  await planner.locator('.chart-box svg[data-machine="Planner high"]').waitFor();
  await overview.evaluate(RECORD('[data-gpu]', 'data-gpu', 'data-pool'));
  await planner.evaluate(RECORD('.chart-box [data-lit=true]', 'data-lit', 'data-node'));
  const litOnes = async () => (await seenBy(planner)).map((line) => line.replace('true=', ''));

  // All level cards live, each with requests that ended.
  for (const level of ['high', 'medium', 'low']) {
    const card = overview.getByRole('article', { name: level, exact: true });
    await card.getByText(/in time in the last minute/).waitFor({ timeout: 60_000 });
  }

  // What needs no burst comes before it: beside a busy machine's other work it may take a minute.
  // One request, stage by stage.
  const requests = await open('requests');
  await requests.getByLabel('State').selectOption('completed');
  await requests.getByRole('row').filter({ hasText: 'completed' }).first().getByRole('button').click();
  const waterfall = requests.getByRole('region', { name: /^Request / });
  for (const stage of ['routed', 'queued', 'prefill', 'decode', 'delivered'])
    await waterfall.getByRole('listitem').filter({ hasText: stage }).waitFor();
  await requests.screenshot({ path: join(SHOTS, 'requests.png') });
  expect(await violations(requests)).toEqual([]);
  await requests.close();

  // Pause and resume, written down.
  const operate = await open('operate', 'light');
  const medium = operate.getByRole('article', { name: 'medium' });
  for (const verb of ['Pause', 'Resume']) {
    await medium.getByRole('button', { name: `${verb} planner` }).click();
    await operate.getByRole('dialog').waitFor();
    expect(await violations(operate), `asked to ${verb}`).toEqual([]);
    await operate.screenshot({ path: join(SHOTS, `operate-${verb.toLowerCase()}.png`) });
    await operate.getByRole('button', { name: 'Yes, do it' }).click();
    const line = operate.getByRole('row').filter({ hasText: `${verb.toLowerCase()} the planner of medium` });
    await line.getByText('the planner has taken it').waitFor();
  }
  await medium.locator('[data-state=paused]').waitFor({ state: 'detached' });
  expect(await violations(operate)).toEqual([]);
  await operate.screenshot({ path: join(SHOTS, 'operate-light.png') });
  await operate.close();

  // The queue boards beside it.
  const boards = await openUrl(`${url}/queues`);
  for (const level of ['high', 'medium', 'low'])
    await boards.getByText(`${level}.decode`, { exact: true }).first().waitFor();
  await boards.screenshot({ path: join(SHOTS, 'queues.png') });
  await boards.close();

  // Load rises and then bursts: the planner of high is lit steady, scales up ahead of the load, and protects.
  const asTheBurstComes = ['steady', 'scaleUp', 'burstProtect'];
  await until(async () => inOrder(await litOnes(), asTheBurstComes), asTheBurstComes.join(', '), 120_000);
  const lit = machines.locator('.chart-box [data-lit=true]');
  await machines.screenshot({ path: join(SHOTS, 'machines-burst.png') });
  await overview.screenshot({ path: join(SHOTS, 'overview-dark.png'), fullPage: true });

  for (const page of [overview, machines]) expect(await violations(page)).toEqual([]);

  // Back to before the burst, and live again by one key.
  const log = machines.getByRole('list', { name: /Log/ });
  await log
    .getByRole('listitem')
    .filter({ hasText: /→ burst protect/ })
    .first()
    .waitFor();
  const earlier = log.getByRole('listitem').filter({ hasText: /scale up → steady/ });
  await earlier.last().getByRole('button').click();
  await machines.getByText(/as of \d\d:\d\d:\d\d/).waitFor();
  expect(await lit.getAttribute('data-node')).toBe('steady');
  const slider = machines.getByRole('slider');
  await slider.focus();
  await slider.press('Home');
  await machines.getByText(/ ago$/).waitFor();
  await slider.press('l');
  await machines
    .getByRole('status')
    .filter({ hasText: /^Live$/ })
    .waitFor();
  // A page that is looked at no more would still draw what is live, beside the demo on the same cores.
  await machines.close();

  // The other theme, under the same load.
  await overview.emulateMedia({ colorScheme: 'light' });
  await overview.locator('html[data-theme=light]').waitFor();
  // Colours go over in 0.4 s.
  await overview.waitForTimeout(600);
  expect(await violations(overview), 'light').toEqual([]);
  await overview.screenshot({ path: join(SHOTS, 'overview-light.png'), fullPage: true });

  // A GPU changed its owner.
  await until(
    async () => {
      const owners = new Map<string, Set<string>>();
      for (const line of await seenBy(overview)) {
        const [gpu = '', pool = ''] = line.split('=');
        owners.set(gpu, (owners.get(gpu) ?? new Set()).add(pool));
      }
      return [...owners.values()].some((pools) => pools.size > 1);
    },
    'a GPU changes hands',
    120_000,
  );

  // Then the lull: all of it on one planner.
  const whole = [...asTheBurstComes, 'idle'];
  await until(async () => inOrder(await litOnes(), whole), whole.join(', '), 120_000);
  await planner.screenshot({ path: join(SHOTS, 'machines-lull.png') });

  expect(wrong).toEqual([]);
  expect(said).not.toContain('Error');
}, 300_000);
