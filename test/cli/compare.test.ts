import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { compareCommand } from '../../src/cli/compare/command.js';
import { openSpec } from '../../src/cli/compare/task.js';
import { printed } from '../support/printed.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-compare-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {});

const scenario = join(folder, 'small.yaml');
writeFileSync(
  scenario,
  `title: small
config: { pools: { medium: { gpu_budget: 3 } } }
cold_start_seconds: 20
warm_up_seconds: 60
peak_of_capacity: 0.8
arrivals:
  - { level: medium, rate: [[0, 1], [600, 3], [1200, 1]], isl: { median: 6000 }, osl: { median: 20 } }
`,
);

/** Progress of the last comparison. */
let notes = '';

async function compare(...args: string[]): Promise<string> {
  const { out, notes: said } = await printed(compareCommand(), '--jobs', '1', ...args);
  notes = said;
  return out;
}

describe('the cold start of a comparison', () => {
  const coldStart = (more: string, folderOf = folder) => {
    const file = join(folderOf, 'cold.yaml');
    const load =
      'arrivals: [{ level: medium, rate: [[0, 1], [60, 1]], isl: { median: 10 }, osl: { median: 5 } }]';
    writeFileSync(file, `${more}\n${load}\n`);
    const { engine } = openSpec({ file }).options.config.pools.medium!;
    return engine.kind === 'sim' ? engine.coldStartSeconds : null;
  };

  it('is 120 s where neither the scenario nor its configuration sets one, else theirs', () => {
    expect(coldStart('')).toBe(120);
    expect(coldStart('config: { pools: { medium: { gpu_budget: 3 } } }')).toBe(120);
    expect(coldStart('config: { pools: { medium: { engine: { cold_start_seconds: 7 } } } }')).toBe(7);
    expect(coldStart('cold_start_seconds: 20')).toBe(20);
  });
});

describe('sluice compare', () => {
  const args = [scenario, '--hours', '0.2', '--policies', 'static-best,static-full,sluice'];

  it('runs every policy on the same arrivals and tells what each kept and cost', async () => {
    const out = await compare(...args, '--json');
    const { seeds, policies } = JSON.parse(out);
    expect(notes).toMatch(/sluice: done; 2 of 3 runs, about \d+ s left\n/);
    expect(notes).toMatch(/; 3 of 3 runs\n$/);
    expect(out).not.toMatch(/NaN|Infinity/);
    expect(policies.map(({ name }: { name: string }) => name)).toEqual([
      'sluice',
      'static-full',
      'static-best',
    ]);
    const [{ peaks, arrivals }] = seeds;
    expect(peaks.medium.peakRps).toBeCloseTo(0.8 * peaks.medium.sustainableRps, 6);
    const [sluice, full, best] = policies.map(
      ({ variants }: { variants: { runs: unknown[] }[] }) => variants[0]!.runs[0],
    );
    for (const run of [sluice, full, best]) expect(run.pools.medium.requests).toBe(arrivals.medium.requests);
    expect(full).toMatchObject({ keeps: true, reversals: 0 });
    expect(full.ofStaticFull).toBeCloseTo(1, 9);
    expect(seeds[0].staticGpuHours).toBeCloseTo(full.gpuHours, 9);
    // Of what the whole budget took, however long a run of fewer workers goes on.
    for (const run of [sluice, best]) expect(run.ofStaticFull).toBeCloseTo(run.gpuHours / full.gpuHours, 9);
    expect(best.keeps).toBe(true);
    expect(best.gpuHours).toBeLessThanOrEqual(full.gpuHours);
    expect(full.pools.medium.series).toBeUndefined();
    expect(full.pools.medium.hours).toHaveLength(1);
    const again = JSON.parse(await compare(...args.slice(0, 3), '--policies', 'static-best', '--json'));
    expect(again.policies[0]).toEqual(policies[2]);
  });

  it('prints a table with the spread over seeds', async () => {
    const out = await compare(
      ...args.slice(0, 3),
      '--policies',
      'static-full',
      '--seeds',
      '2',
      '--from',
      '0.1',
    );
    expect(out).toMatch(/^small, seed 1: 0\.2 h, cold start 20 s, load from rate$/m);
    expect(out).toMatch(/^small, seed 2: /m);
    expect(out).toMatch(/^static-full +2 of 2 .* 1\.000 \(1\.000-1\.000\)/m);
    expect(out).toMatch(/Fewest GPU-hours with every level kept at every seed: static-full/);
  });

  it('writes a page with the time lines of every policy, complete in itself', async () => {
    const file = join(folder, 'page.html');
    await compare(...args.slice(0, 3), '--policies', 'static-full,oracle', '--report', file);
    const page = readFileSync(file, 'utf8');
    expect(page).toMatch(/^<!doctype html>/);
    expect(page.match(/class="lines"/g)).toHaveLength(2);
    expect(page).toMatch(/hour-by-hour bound \d\.\d{3}/);
    expect(page).toMatch(/<li>oracle: medium: at least \d+\.\d+ GPU-hours to keep every hour/);
    expect(page).toContain('Fewest GPU-hours with every level kept at every seed: ');
    expect(page).not.toMatch(/NaN|Infinity|undefined|https?:|<script/);
  });

  it('ends with 4 where there is no such file', async () => {
    await expect(compare('none.yaml')).rejects.toMatchObject({ exitCode: 4 });
  });

  it.each([
    [[scenario, '--policies', 'magic'], /expected a policy of sluice, static-full, .* got "magic"/],
    [[scenario, '--seeds', '0'], /expected --seeds to be a number above 0/],
    [[scenario, '--seeds', '1.5'], /expected --seeds to be a whole number/],
    [
      [scenario, '--hours', '0.1', '--policies', 'static-full', '--report', join(folder, 'none', 'x.html')],
      /expected a file that can be written at .*x\.html/,
    ],
    [['none.yaml'], /none\.yaml: cannot read this file/],
    [[scenario, '--from', '-1'], /expected --from to be a number of 0 or more, got "-1"/],
    [[scenario, '--from', '5', '--hours', '1'], /expected at least one request, got none/],
  ])('refuses %j in words', async (wrong, message) => {
    await expect(compare(...wrong)).rejects.toThrow(message);
  });
});
