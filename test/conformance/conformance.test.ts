import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { compareFields } from '../../bench/conformance/compare.js';
import { renderReport } from '../../bench/conformance/render.js';
import { runConformance } from '../../bench/conformance/run.js';
import { compileForChild } from '../support/compile.js';

const SHARED = fileURLToPath(new URL('../../../shared/', import.meta.url));
const CASES = `${SHARED}conformance/dynamo_planner_cases.json`;
const FIXTURE = fileURLToPath(new URL('./fixtures/cases.json', import.meta.url));

const loss = {
  id: 'loss-1',
  group: 'forecast_loss',
  inputs: { n_hat: 1, isl_hat: 200, osl_hat: 10, num_req: 1, isl: 100, osl: 10 },
  expected: { loss: 0.344092195608908 },
};
const run = (cases: unknown[]) => runConformance(JSON.stringify({ cases }), 'cases.json', '/none');

describe('conformance cases', () => {
  it('all pass in the small file of our own', () => {
    const report = runConformance(readFileSync(FIXTURE, 'utf8'), FIXTURE, '/none');
    expect(report.failures).toEqual([]);
    expect(report.passed).toBeGreaterThan(10);
  });

  it.skipIf(!existsSync(CASES))('all pass as recorded', () => {
    const report = runConformance(readFileSync(CASES, 'utf8'), CASES, SHARED);
    expect(report.failures).toEqual([]);
    expect(Object.keys(report.groups)).toHaveLength(11);
    expect(report.passed).toBe(report.cases);
  });

  it('counts by group and says for each failure what was expected and what came', () => {
    const wrong = { ...loss, id: 'loss-2', expected: { loss: 0.35, other: 1 } };
    const report = run([loss, wrong]);
    expect(report.groups).toEqual({ forecast_loss: { passed: 1, failed: 1 } });
    expect(report.failures[0]).toMatchObject({ id: 'loss-2', expected: { loss: 0.35 } });
    expect(report.failures[0]?.problems).toEqual([
      expect.stringMatching(/^loss: expected 0\.35, got 0\.344/),
      'other: this field is not known',
    ]);
    expect(renderReport(report)).toMatch(/forecast_loss +1 +1[\s\S]*loss-2:/);
  });

  it('fails unknown groups, malformed cases and missing profiles, skipping none', () => {
    const report = run([
      { ...loss, group: 'power_budget' },
      { id: 'no-inputs', group: 'forecast_loss' },
      { ...loss, inputs: { ...loss.inputs, isl: 'many' } },
      { ...loss, expected: {} },
      'nothing like a case',
      {
        id: 'gone',
        group: 'classic_prefill_interp',
        inputs: { profile: 'profiles/none.json', isl: 5 },
        expected: { ttft_ms: 1 },
      },
    ]);
    expect(report).toMatchObject({ cases: 6, passed: 0, failed: 6 });
    const problems = report.failures.map(({ problems: [first] }) => first);
    expect(problems[0]).toBe('unknown group "power_budget"');
    expect(problems[1]).toContain('malformed case: inputs');
    expect(problems[2]).toContain('malformed inputs: isl');
    expect(problems[3]).toContain('malformed case: expected');
    expect(report.failures[4]?.id).toBe('case 5');
    expect(problems[5]).toContain('profiles/none.json');
  });

  it('compares counts exactly, numbers by size, interpolated ones loosely, and as a note says', () => {
    const same = (expected: object, got: object, note?: string) =>
      compareFields({ ...expected }, { ...got }, note).length === 0;
    expect(same({ num_prefill: 1e9 }, { num_prefill: 1e9 + 1 })).toBe(false);
    expect(same({ loss: 1 }, { loss: 1 + 9e-7 })).toBe(true);
    expect(same({ loss: 1 }, { loss: 1 + 2e-6 })).toBe(false);
    expect(same({ itl_ms: 10 }, { itl_ms: 10.009 })).toBe(true);
    expect(same({ loss: 0.104 }, { loss: 0.1036 }, 'after the fix; tolerance 1e-3')).toBe(true);
    expect(same({ a: 'NaN', b: 'Infinity' }, { a: Number.NaN, b: Number.POSITIVE_INFINITY })).toBe(true);
    expect(same({ a: null }, { a: 0 })).toBe(false);
    expect(same({ steps: [{ to: 1 }] }, { steps: [{ to: 1, extra: 2 }] })).toBe(false);
    expect(same({ steps: [1, 2] }, { steps: [1] })).toBe(false);
  });
});

describe('the conformance command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-conformance-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const written = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('exits 0 when all pass, 1 when one fails, 2 without cases', async () => {
    const main = await compileForChild('bench/conformance/main.ts');
    const exec = (...args: string[]) =>
      promisify(execFile)(process.execPath, [fileURLToPath(main), ...args]).then(
        ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
        (error: { code: number; stdout: string; stderr: string }) => error,
      );
    const passing = await exec(FIXTURE, '--json');
    expect(passing.code).toBe(0);
    expect(JSON.parse(passing.stdout)).toMatchObject({ failed: 0 });
    const failing = written('failing.json', JSON.stringify({ cases: [{ ...loss, expected: { loss: 1 } }] }));
    expect(await exec(failing)).toMatchObject({ code: 1, stdout: expect.stringContaining('loss-1') });
    for (const text of ['not json', '{"cases": []}', '{}']) {
      const bad = await exec(written('bad.json', text));
      expect(bad).toMatchObject({ code: 2, stderr: expect.stringContaining('conformance: ') });
      expect(bad.stderr).not.toContain('    at ');
    }
    expect((await exec(join(folder, 'none.json'))).code).toBe(2);
    expect((await exec()).code).toBe(2);
  });
});
