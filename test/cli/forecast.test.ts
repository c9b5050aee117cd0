import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { svgChart } from '../../src/cli/chart/svg.js';
import { sparkline } from '../../src/cli/forecast/report.js';
import { forecastCommand } from '../../src/cli/forecast.js';
import { printed } from '../support/printed.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-forecast-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rates = join(folder, 'rates.csv');
writeFileSync(rates, 't_seconds,rps\n0,5\n3600,20\n7200,5\n');
const trace = join(folder, 'trace.jsonl');
const rows = Array.from({ length: 3000 }, (_, k) =>
  JSON.stringify({ at_seconds: k, isl: 500, osl: 20, ...(k % 3 === 0 ? { slo_level: 'low' } : {}) }),
);
writeFileSync(trace, rows.join('\n'));

async function forecast(...args: string[]): Promise<string> {
  return (await printed(forecastCommand(), ...args)).out;
}

const withoutTimes = (text: string) => JSON.parse(text, (key, value) => (/^planMs/.test(key) ? 0 : value));

describe('sluice forecast', () => {
  it('judges models on counts drawn around rates by seed, the same each time', async () => {
    const args = [
      rates,
      '--format',
      'rates',
      '--models',
      'constant,kalman',
      '--horizon',
      '150,300',
      '--json',
    ];
    const first = await forecast(...args);
    const report = JSON.parse(first);
    expect(report.series).toMatchObject({ source: 'rates.csv', binSeconds: 30, bins: 240 });
    expect(report.series.meanRps).toBeCloseTo(12.5, 0);
    const [constant, kalman] = report.models;
    expect(constant.windows.map((w: { toSeconds: number }) => w.toSeconds)).toEqual([150, 300]);
    // 240 bins, the first 20 and the last 5 not judged.
    expect(kalman.windows[0].windows).toBe(215);
    expect(kalman.windows[0].coverage['0.95']).toBeGreaterThan(0.85);
    // A trend is followed better than by the mean of the last bins.
    expect(kalman.windows[1].mae).toBeLessThan(constant.windows[1].mae);
    expect(first).not.toMatch(/NaN|Infinity/);
    expect(withoutTimes(await forecast(...args))).toEqual(withoutTimes(first));
    const other = withoutTimes(await forecast(...args, '--seed', '2'));
    expect(other.series.meanRps).not.toBe(report.series.meanRps);
  });

  it('counts the requests of a trace, all or those of a level', async () => {
    const args = [trace, '--format', 'jsonl', '--models', 'constant', '--json'];
    expect(JSON.parse(await forecast(...args)).series).toMatchObject({ bins: 99, meanRps: 1, peakRps: 1 });
    expect(JSON.parse(await forecast(...args, '--slo', 'low')).series.meanRps).toBeCloseTo(1 / 3, 2);
    expect(JSON.parse(await forecast(...args, '--minutes', '20', '--bin', '10')).series.bins).toBe(119);
  });

  it('draws a scenario by its own seed, unless another is given', async () => {
    const drawn = async (seed: number, ...args: string[]) => {
      const scenario = join(folder, `seed-${seed}.yaml`);
      const arrivals =
        'arrivals: [{level: medium, rate: [[0, 3], [1500, 3]], isl: {median: 100}, osl: {median: 10}}]';
      writeFileSync(scenario, `seed: ${seed}\n${arrivals}\n`);
      const report = JSON.parse(await forecast(scenario, '--models', 'constant', '--json', ...args));
      return report.series.meanRps;
    };
    expect(await drawn(7)).not.toBe(await drawn(8));
    expect(await drawn(7)).toBe(await drawn(8, '--seed', '7'));
  });

  it('counts the requests of a scenario', async () => {
    const scenario = join(folder, 's.yaml');
    writeFileSync(
      scenario,
      'duration_seconds: 3000\narrivals: [{level: low, rate: [[0, 2], [3000, 2]], isl: {median: 100}, osl: {median: 10}}]\n',
    );
    const report = JSON.parse(await forecast(scenario, '--models', 'constant', '--json'));
    expect(report.series.meanRps).toBeCloseTo(2, 0);
  });

  it('tells of rows left out and of gaps', async () => {
    const odd = join(folder, 'odd.jsonl');
    writeFileSync(odd, [...rows, 'broken', JSON.stringify({ at_seconds: 9000, isl: 5, osl: 2 })].join('\n'));
    const args = [odd, '--format', 'jsonl', '--skip-bad', '--models', 'constant', '--json'];
    const { out, notes } = await printed(forecastCommand(), ...args);
    expect(JSON.parse(out).traces).toMatchObject([{ skipped: 1, gaps: [{ line: 3002, seconds: 6001 }] }]);
    expect(notes).toMatch(/left out 1 broken rows, .*odd\.jsonl:3002: nothing comes for 1\.7 h/s);
    expect(JSON.parse(await forecast(...args, '--max-gap', '60')).series.bins).toBe(101);
  });

  it('prints a table for a reader', async () => {
    const out = await forecast(rates, '--format', 'rates', '--models', 'constant,linear', '--after', '120');
    expect(out).toMatch(/rates\.csv: 240 bins of 30 s \(2\.0 h\), mean 12\.\d+ requests\/s/);
    expect(out).toMatch(/rate {2}[▁-█]{72}/);
    expect(out).toMatch(/largest rate of a bin, 120 to 150 s ahead/);
    expect(out).toMatch(/^linear( +-?[\d.]+){12}$/m);
  });

  it('draws what was forecast, as SVG or as a page', async () => {
    const svg = join(folder, 'f.svg');
    const html = join(folder, 'f.html');
    await forecast(rates, '--format', 'rates', '--models', 'constant,linear', '--plot', svg);
    await forecast(rates, '--format', 'rates', '--models', 'constant', '--plot', html);
    const text = readFileSync(svg, 'utf8');
    expect(text).toMatch(/^<svg xmlns/);
    expect(text.match(/within the 0\.95 quantile/g)).toHaveLength(2);
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
    expect(readFileSync(html, 'utf8')).toMatch(
      /^<!doctype html>[\s\S]*<svg [\s\S]*<pre>rates\.csv: 240 bins/,
    );
  });

  it.each([
    [
      [rates],
      'expected --format to be one of azure, mooncake, jsonl, burstgpt, vidur, rates (or a scenario .yaml), got none',
    ],
    [
      [rates, '--format', 'rates', '--models', 'prophet'],
      'expected --models to be of constant, linear, arima, kalman, seasonal, combined, got "prophet"',
    ],
    [
      [rates, '--format', 'rates', '--horizon', '90', '--after', '120'],
      'expected --horizon to be 5 to 8640 bins of 30 s ahead, got "90 s"',
    ],
    [[rates, '--format', 'rates', '--bin', '3600'], 'expected at least 3 whole bins of 3600 s'],
    [
      [rates, '--format', 'rates', '--dispersion', '0.5'],
      'expected --dispersion to be 0, 1 or more, got "0.5"',
    ],
    [[rates, '--format', 'rates', '--bin', '0'], 'expected --bin to be a number above 0, got "0"'],
    [[rates, '--format', 'rates', '--plot', 'x.png'], 'expected --plot to end in .svg or .html, got "x.png"'],
    [[join(folder, 'none.csv'), '--format', 'rates'], 'expected a CSV of rates at'],
    [[trace, '--format', 'azure'], 'trace.jsonl:1: expected'],
    [
      [trace, '--format', 'jsonl', '--slo', 'bogus'],
      'expected --slo to be a level of the requests, which are of low, got "bogus"',
    ],
  ])('refuses %j', async (args, message) => {
    await expect(forecast(...args)).rejects.toThrow(message);
  });
});

describe('charts', () => {
  it('escape what they are told, and break a line where a value is not known', () => {
    const line = {
      name: '<b>',
      colour: '#000',
      points: [
        [0, 1],
        [10, null],
        [20, 3],
        [30, 2],
      ] as const,
    };
    const svg = svgChart('a & b', [{ title: 't', yLabel: 'y', lines: [line] }]);
    expect(svg).toContain('a &#38; b');
    expect(svg).toContain('&#60;b&#62;');
    expect(svg.match(/<path d="M[^"]*M[^"]*L[^"]*" fill="none"/)).not.toBeNull();
  });

  it('are drawn of nothing and of one value', () => {
    expect(svgChart('', [{ title: '', yLabel: '', lines: [] }])).not.toMatch(/NaN|Infinity/);
    const one = { name: '', colour: '#000', points: [[5, 0]] as const };
    expect(svgChart('', [{ title: '', yLabel: '', lines: [one] }])).not.toMatch(/NaN|Infinity/);
  });

  it('in a line of text stand from 0 to the highest', () => {
    expect(sparkline([0, 4, 8], 8)).toBe('▁▅█');
    expect(sparkline([0, 0], 0)).toBe('▁▁');
  });
});
