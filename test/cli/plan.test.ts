import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { planCommand } from '../../src/cli/plan/command.js';
import { parseSlos, withSlos } from '../../src/cli/plan/slo.js';
import { defaultConfig } from '../../src/config/load.js';
import { busiest, cut, MinuteCounts } from '../../src/simulator/plan/busiest.js';
import { printed } from '../support/printed.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-plan-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = undefined;
});

const scenario = join(folder, 'small.yaml');
writeFileSync(
  scenario,
  `title: small
config: { pools: { medium: { gpu_budget: 2, max_workers: 2 } } }
cold_start_seconds: 20
arrivals:
  - { level: medium, rate: [[0, 12], [120, 20], [240, 12]], isl: { median: 6000 }, osl: { median: 20 } }
`,
);

async function plan(...args: string[]) {
  return (await printed(planCommand(), ...args)).out;
}

describe('sluice plan', () => {
  it('finds the fewest workers that keep the level: one fewer does not', async () => {
    const { pools, gpus, judged } = JSON.parse(await plan(scenario, '--json'));
    const [{ fixed, scaled, curve, requests }] = pools;
    expect(judged.whole).toBe(true);
    expect(requests).toBe(judged.requests);
    expect(fixed.workers).toBeGreaterThan(1);
    expect(fixed.kept).toBe(true);
    const fewer = curve.find(({ workers }: { workers: number }) => workers === fixed.workers - 1);
    expect(fewer.kept).toBe(false);
    expect(curve.map(({ attainment }: { attainment: number }) => attainment)).toEqual(
      curve.map(({ attainment }: { attainment: number }) => attainment).sort(),
    );
    expect(scaled.kept).toBe(true);
    expect(scaled.gpus).toBeGreaterThanOrEqual(fixed.gpus);
    expect(scaled.gpuHours).toBeLessThanOrEqual((fixed.gpuHours * scaled.gpus) / fixed.gpus);
    expect(gpus).toMatchObject({ fixed: fixed.gpus, scaled: scaled.gpus, configured: 2, inventory: 8 });
    expect(process.exitCode).toBe(0);
  });

  it('splits a disaggregated pool: no fleet with a worker less of either role keeps the level', async () => {
    const halves = join(folder, 'halves.yaml');
    writeFileSync(
      halves,
      readFileSync(scenario, 'utf8').replace('max_workers: 2', '$&, disaggregation: { enabled: true }'),
    );
    const [{ fixed, scaled, curve }] = JSON.parse(await plan(halves, '--json')).pools;
    // Long prompts and short answers: it is the prefill workers that are short.
    expect(fixed.prefillWorkers).toBeGreaterThan(fixed.workers);
    expect(fixed).toMatchObject({ kept: true, gpus: fixed.prefillWorkers + fixed.workers });
    expect(curve.find(({ gpus }: { gpus: number }) => gpus === fixed.gpus - 1).kept).toBe(false);
    expect(scaled).toMatchObject({ kept: true });
    expect(scaled.gpuHours).toBeLessThanOrEqual((fixed.gpuHours * scaled.gpus) / fixed.gpus);
    const text = await plan(halves);
    expect(text).toContain(`${fixed.prefillWorkers} prefill + ${fixed.workers} decode`);
  });

  it('draws every fleet that was tried, and what is needed, on a page that needs nothing else', async () => {
    const file = join(folder, 'plan.html');
    const { pools } = JSON.parse(await plan(scenario, '--json', '--report', file));
    const [{ curve, scaled }] = pools;
    const page = readFileSync(file, 'utf8');
    const titles = [...page.matchAll(/<circle[^>]*><title>(.*?)<\/title>/g)].map(([, title]) => title);
    expect(titles).toHaveLength(curve.length + 1);
    expect(titles.at(-1)).toContain(`${scaled.gpus} GPUs as the planner's ceiling`);
    for (const [k, { gpus, attainment }] of curve.entries())
      expect(titles[k]).toContain(`${gpus} GPUs fixed: ${(100 * attainment).toFixed(1)} % in time`);
    expect(page).toContain('90.0 % needed');
    expect(page).not.toMatch(/(?:src|href)=|https?:/);
  });

  it('says by how much a target fails that no fleet can meet, and what would help', async () => {
    const out = await plan(scenario, '--slo', 'medium=ttft:20ms');
    expect(out).toMatch(/medium cannot be kept: 100\.00 % late .*10\.0 % allowed\./);
    expect(out).toMatch(/More workers no longer help: .* raise the targets or tensor_parallelism/);
    expect(out).not.toMatch(/NaN|Infinity|undefined/);
    expect(process.exitCode).toBe(1);
  });

  it('says which share never completed: latencies are those of the others', async () => {
    const huge = join(folder, 'huge.jsonl');
    const rows = Array.from({ length: 40 }, (_, k) =>
      JSON.stringify({ at_seconds: k, isl: k % 2 === 0 ? 900_000 : 100, osl: 5 }),
    );
    writeFileSync(huge, rows.join('\n'));
    const out = await plan(huge, '--format', 'jsonl', '--slo', 'medium');
    expect(out).toMatch(
      / 50\.00 % of the requests did not complete .* 90 % of the completed requests have a TTFT up to/,
    );
  });

  it('stops at --max-gpus and says that more may help', async () => {
    const out = await plan(scenario, '--max-gpus', '1');
    expect(out).toContain('More GPUs may help: raise --max-gpus.');
    expect(process.exitCode).toBe(1);
  });

  it('reads a trace, takes the level that --slo names for its requests, and tells what it left out', async () => {
    const trace = join(folder, 'trace.csv');
    const rows = Array.from({ length: 1800 }, (_, k) => {
      const at = new Date(Date.UTC(2023, 10, 16, 18, 0, 4 * k))
        .toISOString()
        .replace('T', ' ')
        .replace('Z', '');
      return `${at},${k >= 900 && k < 1200 ? 3000 : 300},20`;
    });
    writeFileSync(trace, `TIMESTAMP,ContextTokens,GeneratedTokens\n${rows.join('\n')}\n`);
    const args = [trace, '--format', 'azure', '--slo', 'high=ttft:500ms,p90', '--hours', '0.25'];
    const { pools, judged, load } = JSON.parse(await plan(...args, '--json'));
    expect(load).toEqual({ seconds: 7200, requests: 1800 });
    // The long prompts come from second 3600 to 4800: a quarter of an hour of them is the busiest.
    expect(judged).toEqual({ fromSeconds: 3600, toSeconds: 4500, requests: 225, whole: false });
    expect(pools).toHaveLength(1);
    expect(pools[0]).toMatchObject({
      level: 'high',
      requests: 225,
      violationsAllowed: 0.1,
      gpusPerWorker: 2,
    });
  });

  it('names a flag that is out of range', async () => {
    const trace = [join(folder, 'none.csv'), '--format', 'azure'];
    for (const flag of ['--speed', '--rate-scale'])
      await expect(plan(...trace, flag, '2e6')).rejects.toMatchObject({
        exitCode: 2,
        message: expect.stringContaining(`${flag}: Too big`),
      });
  });

  it('gives the latency at the very share that is asked for', async () => {
    const ttftAt = async (share: string) => {
      const { pools } = JSON.parse(
        await plan(scenario, '--slo', `medium=${share}`, '--max-gpus', '1', '--json'),
      );
      return pools[0].curve[0].ttftSeconds;
    };
    const [p95, p97, p99] = [await ttftAt('p95'), await ttftAt('p97'), await ttftAt('p99')];
    expect(p97).toBeGreaterThan(p95);
    expect(p97).toBeLessThan(p99);
  });

  it.each([
    [['--slo', 'high=fast'], /ttft, itl \(with ms or s\) or a percentile/],
    [['--slo', 'gold=p99'], /name a level of medium, got "gold"/],
    [['--max-gpus', '0'], /--max-gpus/],
    [['--format', 'azure'], /expected no --format beside a scenario/],
  ])('refuses %j with what it expects', async (args, message) => {
    await expect(plan(scenario, ...args)).rejects.toThrow(message);
  });
});

describe('levels that --slo names', () => {
  const row = (k: number, level?: string) =>
    JSON.stringify({
      at_seconds: k,
      isl: 300,
      osl: 20,
      ...(level === undefined ? {} : { slo_level: level }),
    });
  const plain = join(folder, 'plain.jsonl');
  writeFileSync(plain, Array.from({ length: 60 }, (_, k) => row(k)).join('\n'));
  const named = join(folder, 'named.jsonl');
  writeFileSync(named, Array.from({ length: 60 }, (_, k) => row(k, k % 2 === 0 ? 'high' : 'low')).join('\n'));

  it('are one level where they name the same', async () => {
    const args = [plain, '--format', 'jsonl', '--slo', 'high=ttft:300ms', '--slo', 'high=itl:30ms'];
    const { pools } = JSON.parse(await plan(...args, '--json'));
    expect(pools).toMatchObject([{ level: 'high', targets: { ttftSeconds: 0.3, itlSeconds: 0.03 } }]);
  });

  it('leave out rows of others, which are told in the answer too', async () => {
    const odd = join(folder, 'odd.jsonl');
    writeFileSync(odd, [row(0), row(1, 'nope'), row(2), row(4000)].join('\n'));
    const args = [odd, '--format', 'jsonl', '--slo', 'high', '--skip-bad', '--json'];
    const { traces, load } = JSON.parse(await plan(...args));
    expect(load.requests).toBe(3);
    expect(traces).toMatchObject([{ skipped: 1, gaps: [{ line: 4, fromSeconds: 2, seconds: 3998 }] }]);
    expect(JSON.parse(await plan(...args, '--max-gap', '30')).load).toEqual({ seconds: 60, requests: 3 });
  });

  it('may be several where every row names its own', async () => {
    const args = [named, '--format', 'jsonl', '--slo', 'high', '--slo', 'low=p90', '--json'];
    const { pools } = JSON.parse(await plan(...args));
    expect(pools).toMatchObject([{ level: 'high' }, { level: 'low', violationsAllowed: 0.1 }]);
  });

  it.each([
    [
      [plain, '--slo', 'high', '--slo', 'medium'],
      /expected each request to name its level beside --slo of high and medium, .* by --mix high=0\.50,medium=0\.50, or ask for one level$/,
    ],
    [
      [plain, '--mix', 'high=.5,medium=.5', '--slo', 'low=p90'],
      /--slo low: expected requests of that level, got none/,
    ],
    [[named, '--slo', 'medium'], /--slo medium: expected requests of that level, got none of the 60/],
    [
      [plain, '--slo', 'high=p95', '--slo', 'high=p99'],
      /expected --slo to name a percentile of high once, got it twice/,
    ],
  ])('are refused for %j', async (args, message) => {
    await expect(plan(...args, '--format', 'jsonl')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });
});

describe('targets of a level', () => {
  it.each(['high=p95,p99', 'high=ttft:300ms,ttft:1s', 'high=itl:30ms,itl:30ms'])(
    'stand once in %s',
    (text) => {
      expect(() => parseSlos([text])).toThrow(/of high once, got it twice; keep one of them/);
    },
  );

  it('are read with their units and set on the pool of the level', () => {
    expect(parseSlos(['high=ttft:300ms,itl:0.03s,p99'])).toEqual([
      { level: 'high', ttftSeconds: 0.3, itlSeconds: 0.03, percentile: 99 },
    ]);
    const { pools } = withSlos(defaultConfig(), [{ level: 'high', ttftSeconds: 0.5, percentile: 99 }]);
    expect(pools.high).toMatchObject({
      targets: { ttftSeconds: 0.5, itlSeconds: 0.03 },
      latencyPercentile: 99,
      violationsAllowed: 0.01,
    });
  });
});

describe('the busiest stretch', () => {
  const load = Array.from({ length: 60 }, (_, minute) => ({
    atSeconds: minute * 60,
    isl: minute === 40 ? 5000 : 10,
    osl: 1,
  }));
  const counts = new MinuteCounts();
  for (const request of load) counts.add(request);

  it('is the one with the most tokens, and shorter where it holds too many requests', () => {
    expect(busiest(counts, 20, 100)).toEqual({ fromSeconds: 21 * 60, toSeconds: 41 * 60, requests: 20 });
    expect(busiest(counts, 60, 30)).toEqual({ fromSeconds: 11 * 60, toSeconds: 41 * 60, requests: 30 });
  });

  it('begins after a lead: what came before, or its own begin where nothing did', () => {
    const late = cut(load, { fromSeconds: 1200, toSeconds: 1800, requests: 10 }, 600);
    expect(late.map(({ atSeconds }) => atSeconds)).toEqual(Array.from({ length: 20 }, (_, k) => 60 * k));
    const first = cut(load, { fromSeconds: 0, toSeconds: 1200, requests: 20 }, 600);
    expect(first.map(({ atSeconds }) => atSeconds)).toEqual(Array.from({ length: 30 }, (_, k) => 60 * k));
  });
});
