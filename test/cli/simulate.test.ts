import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { simulateCommand } from '../../src/cli/simulate.js';
import { printed } from '../support/printed.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-simulate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => {
  process.exitCode = 0;
});

const trace = join(folder, 'trace.jsonl');
const rows = Array.from({ length: 120 }, (_, k) =>
  JSON.stringify({ at_seconds: k, isl: 500, osl: 20, ...(k % 3 === 0 ? { slo_level: 'low' } : {}) }),
);
writeFileSync(trace, rows.join('\n'));

async function simulate(...args: string[]): Promise<{ out: string; code: unknown }> {
  return printed(simulateCommand(), ...args);
}

describe('sluice simulate', () => {
  it('prints the report of a replay for a trace, the same each time', async () => {
    const once = () => simulate(trace, '--format', 'jsonl', '--slo', 'high', '--minutes', '1', '--json');
    const { out, code } = await once();
    const report = JSON.parse(out);
    expect(code).toBe(0);
    expect(report.total).toMatchObject({ requests: 60, completed: 60, lost: 0 });
    expect(report.pools.low).toMatchObject({ requests: 20, completed: 20 });
    expect(report.pools.high).toMatchObject({ requests: 40, attainment: 1 });
    expect(report.pools.medium).toMatchObject({ requests: 0, scaleUps: 0 });
    expect(report.total.wallSeconds).toBeGreaterThan(59);
    expect(report.coldStartSeconds).toBe(3);
    expect(out).not.toMatch(/NaN|Infinity/);
    expect((await once()).out).toBe(out);
  });

  it('runs a scenario with its series, and tells a reader what came of it', async () => {
    const scenario = join(folder, 's.yaml');
    writeFileSync(
      scenario,
      'duration_seconds: 120\ninterval_seconds: 30\narrivals: [{trace: trace.jsonl, format: jsonl}]\n',
    );
    const series = join(folder, 's.csv');
    const { out } = await simulate(scenario, '--series', series);
    expect(out).toMatch(/medium: kept its promise: 0.0 % of 80 requests/);
    const [header, ...lines] = readFileSync(series, 'utf8').trim().split('\n');
    expect(header).toMatch(/^atSeconds,pool,arrivals,attained,attainment,ttftSeconds,/);
    // Four intervals and what is left after the last, for three pools.
    expect(lines.length).toBeGreaterThanOrEqual(12);
    expect(lines.filter((line) => line.startsWith('30,medium,20,20,1,'))).toHaveLength(1);
  });

  it('counts rows of an unknown level among the broken ones, and tells of gaps, on stderr and in the report', async () => {
    const odd = join(folder, 'odd.jsonl');
    const row = (at: number, more = {}) => JSON.stringify({ at_seconds: at, isl: 100, osl: 10, ...more });
    writeFileSync(odd, [row(0), row(1, { slo_level: 'nope' }), row(1), row(8000)].join('\n'));
    await expect(simulate(odd, '--format', 'jsonl')).rejects.toThrow(
      /odd\.jsonl:2: expected an SLO level of high, medium, low, got "nope"/,
    );
    const args = [odd, '--format', 'jsonl', '--skip-bad', '--json'];
    const { out, notes } = await printed(simulateCommand(), ...args);
    expect(JSON.parse(out)).toMatchObject({
      total: { requests: 3 },
      traces: [{ skipped: 1, gaps: [{ line: 4, fromSeconds: 1, seconds: 7999 }], shortenedSeconds: 0 }],
    });
    expect(notes).toMatch(/left out 1 broken rows, the first: .*odd\.jsonl:2: /);
    expect(notes).toMatch(/odd\.jsonl:4: nothing comes for 2\.2 h before this row, .* --max-gap SECONDS/);
    const short = await printed(simulateCommand(), ...args, '--max-gap', '60');
    expect(JSON.parse(short.out).total.wallSeconds).toBeLessThan(100);
    expect(JSON.parse(short.out).traces).toMatchObject([{ gaps: [], shortenedSeconds: 7939 }]);
    expect(short.notes).toMatch(/took 2\.2 h out of gaps \(--max-gap\)/);
  });

  it.each([
    [[trace], /expected --format to be one of azure, .* got none/],
    [[trace, '--format', 'csv'], /got "csv"/],
    [[trace, '--format', 'jsonl', '--slo', 'gold'], /expected an SLO level of high, medium, low, got "gold"/],
    [[trace, '--format', 'jsonl', '--slo', 'low', '--mix', 'low=1'], /expected --slo or --mix, got both/],
    [
      [trace, '--format', 'jsonl', '--rate-scale', '1e7'],
      /^--rate-scale: Too big: .* <=1000000; correct it$/,
    ],
    [
      [trace, '--format', 'jsonl', '--cold-start', '86401'],
      /^--cold-start: Too big: .* <=86400; correct it$/,
    ],
    [[trace, '--format', 'azure'], /trace\.jsonl:1: expected the header/],
    [['none.yaml'], /none\.yaml: cannot read this file/],
    [['none.yaml', '--speed', '2'], /expected no --speed beside a scenario/],
    [['none.csv', '--format', 'azure'], /expected a trace file at .*none\.csv/],
  ])('refuses %j in words', async (args, message) => {
    await expect(simulate(...args)).rejects.toThrow(message);
  });
});
