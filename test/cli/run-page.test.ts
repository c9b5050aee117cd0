import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { runPage } from '../../src/cli/report/html/run-page.js';
import { LiveSeries } from '../../src/cli/report/live-series.js';
import { simulateCommand } from '../../src/cli/simulate.js';
import { defaultConfig } from '../../src/config/load.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import type { RequestRecord } from '../../src/simulator/load/record.js';
import { startTestRedis } from '../support/redis.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-page-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** Three minutes: a lull, then a burst that needs a second worker, then silence. */
function writeScenario(): string {
  const rows = Array.from({ length: 600 }, (_, k) =>
    JSON.stringify({
      at_seconds: k < 60 ? k : 60 + (k - 60) / 9,
      isl: k < 60 ? 900 : 7500,
      osl: 60,
      slo_level: 'high',
    }),
  );
  writeFileSync(join(folder, 'burst.jsonl'), rows.join('\n'));
  const scenario = join(folder, 'burst.yaml');
  const text = 'duration_seconds: 180\ninterval_seconds: 5\ncold_start_seconds: 10\n';
  writeFileSync(scenario, `${text}arrivals: [{trace: burst.jsonl, format: jsonl}]\n`);
  return scenario;
}

async function simulated(): Promise<string> {
  const file = join(folder, 'burst.html');
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  await simulateCommand().parseAsync(['node', 'simulate', writeScenario(), '--report', file]);
  process.exitCode = 0;
  return readFileSync(file, 'utf8');
}

describe('the page of a run', () => {
  it('is one file that asks for nothing else, with figures, time lines and explained scale actions', async () => {
    const page = await simulated();
    expect(page).not.toMatch(/(src|href)=|<script|url\(|NaN|undefined|Infinity/);
    expect(page).toContain('<h1>Simulation of burst.yaml</h1>');
    expect(page).toMatch(/600 requests in .*, 600 completed, 0 lost/);
    expect(page.match(/<svg/g)).toHaveLength(3);
    // The burst begins after a minute of three: within the chart, which is 1080 wide.
    const at = Number(/<g class="action"><title>[^<]+to 2 workers.*?<line x1="([\d.]+)"/.exec(page)?.[1]);
    expect(at).toBeGreaterThan(300);
    expect(at).toBeLessThan(800);
    expect(page).toMatch(/<g class="action"><title>[^<]+1 to 2 workers\. [^<]+<\/title>/);
    expect(page).toMatch(/>\d+ s<\/text>|>\d+(\.\d)? min<\/text>/);
    expect(page).toContain('What its planner did, and why');
  });

  it('shows names and reasons as text', () => {
    const config = defaultConfig();
    const evil = '<img src=x onerror=alert(1)>';
    const step = { atMs: 1000, from: 'idle', to: 'scaleUp', reason: evil, ordered: 2 } as const;
    const row = {
      pool: 'high',
      arrivals: 5,
      attained: 5,
      attainment: 1,
      ttftSeconds: 0.1,
      itlSeconds: 0.01,
      readyWorkers: 1,
      startingWorkers: 0,
      drainingWorkers: 0,
      leasedGpus: 2,
      gpuHours: 0,
      queued: 0,
      running: 1,
      state: 'steady',
    } as const;
    const page = runPage({
      title: evil,
      config,
      report: {
        pools: {},
        interrupted: false,
        total: {
          requests: 5,
          completed: 5,
          lost: 0,
          attainment: 1,
          tokenAttainment: 1,
          goodputRps: 1,
          goodputTokensPerSecond: 1,
          gpuHours: 0,
          staticGpuHours: 0,
          maxGpus: 2,
          wallSeconds: 10,
          tokens: { delivered: 0, duplicated: 0, missing: 0 },
        },
      },
      series: [0, 5, 10].map((atSeconds) => ({ ...row, atSeconds })),
      planners: { high: { start: { state: 'idle', ordered: 1 }, steps: [step] } },
      startedAtMs: 0,
    });
    expect(page).not.toContain('<img');
    expect(page.match(/&lt;img/g)?.length).toBeGreaterThanOrEqual(4);
  });
});

it('a live run is drawn by what the driver saw and what the status said', async () => {
  const server = await startTestRedis();
  const redis = connect(server.url, 'plain');
  const config = defaultConfig();
  const live = new LiveSeries(redis, new Keys(config.namespace), config);
  live.start();
  await live.stop();
  const record = (dueSeconds: number, ttftSeconds: number): RequestRecord => ({
    index: 0,
    level: 'high',
    pool: 'high',
    dueSeconds,
    lateSeconds: 0,
    acceptedAtMs: 0,
    endedAtMs: 0,
    end: 'completed',
    code: null,
    message: null,
    ttftSeconds,
    itlSeconds: null,
    relegated: false,
    attained: ttftSeconds < 0.3,
    workTokens: 0,
    client: { ttftSeconds: null, itlSeconds: null },
    tokens: { delivered: 0, duplicated: 0, missing: 0 },
  });
  const rows = live.rows({
    records: [record(0.2, 0.1), record(0.7, 0.5), record(2.5, 0.2)],
    startedAtMs: 1000,
    endedAtMs: 4000,
    lateSeconds: null,
    aborted: false,
  } as never);
  const high = rows.filter(({ pool }) => pool === 'high');
  expect(high.map(({ atSeconds, arrivals, attained }) => [atSeconds, arrivals, attained])).toEqual([
    [0, 2, 1],
    [1, 0, 0],
    [2, 1, 1],
  ]);
  expect(high[0]?.ttftSeconds).toBeCloseTo(0.5, 2);
  expect(high[1]?.ttftSeconds).toBeNull();
  expect(high[0]).toMatchObject({ readyWorkers: 0, leasedGpus: 0, queued: 0, state: 'idle' });
  redis.disconnect();
  await server.stop();
});
