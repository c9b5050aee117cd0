import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProgressLine } from '../../src/cli/report/progress.js';
import type { LoadProgress } from '../../src/simulator/load/run-load.js';

const sluice = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));
let folder = '';
let trace = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-replay-'));
  trace = join(folder, 'trace.jsonl');
  await writeFile(trace, '{"at_seconds":0,"isl":5,"osl":2}\n{"at_seconds":1,"isl":5,"osl":0}\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const replay = (...args: string[]) =>
  spawnSync(process.execPath, [sluice, 'replay', ...args], { encoding: 'utf8' });

describe('sluice replay, given something wrong', () => {
  it.each<[string, string[], number, RegExp]>([
    ['a broken row', ['--format', 'jsonl'], 2, /trace\.jsonl:2: osl: .*--skip-bad/],
    [
      'a wrong format',
      ['--format', 'csv'],
      2,
      /--format to be one of azure, mooncake, jsonl, burstgpt, vidur, got "csv"/,
    ],
    [
      'two sources of levels',
      ['--format', 'jsonl', '--slo', 'high', '--mix', 'low=1'],
      2,
      /--slo or --mix, got both/,
    ],
    ['a wrong mix', ['--format', 'jsonl', '--mix', 'high'], 2, /expected --mix like/],
    ['no speed', ['--format', 'jsonl', '--speed', '0'], 2, /--speed to be a number above 0, got "0"/],
    ['a wrong seed', ['--format', 'jsonl', '--seed', '-1'], 2, /--seed to be a whole number from 0/],
    [
      'a rate that leaves nothing',
      ['--format', 'jsonl', '--skip-bad', '--rate-scale', '1e-9'],
      2,
      /leaves none of 1 rows/,
    ],
  ])('says so in one line for %s and starts nothing', (_, args, code, message) => {
    const { status, stderr, stdout } = replay(trace, ...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n +at /);
    expect([status, stdout]).toEqual([code, '']);
  });

  it('names a trace that is not there', () => {
    const { status, stderr } = replay(join(folder, 'none.csv'), '--format', 'azure');
    expect(stderr).toMatch(/expected a trace file at .*none\.csv/);
    expect(status).toBe(4);
  });
});

describe('progress', () => {
  const progress = (elapsedSeconds: number): LoadProgress => ({
    elapsedSeconds,
    total: 10,
    submitted: 4,
    open: 1,
    completed: 2,
    attained: 1,
    otherwise: 1,
    tokens: 7,
    lateSeconds: 0,
  });
  const show = (isTTY: boolean) => {
    let text = '';
    const write = (more: string) => {
      text += more;
    };
    const line = new ProgressLine({ isTTY, columns: 30, write }, 'replay');
    for (const at of [0, 1, 4, 5, 9]) line.show(progress(at));
    line.finish();
    return text;
  };

  it('is a line each five seconds where there is no terminal', () => {
    expect(show(false).split('\n')).toEqual([
      'replay: 0 s, 4/10 submitted, 1 open, 2 completed (50.0 % within SLO), 1 otherwise, 7 tokens',
      'replay: 5 s, 4/10 submitted, 1 open, 2 completed (50.0 % within SLO), 1 otherwise, 7 tokens',
      '',
    ]);
  });

  it('is one line on a terminal, rewritten and cut to its width', () => {
    const lines = show(true).split('\r\x1b[2K');
    expect(lines).toHaveLength(6);
    expect(lines[1]).toBe('replay: 0 s, 4/10 submitted, ');
    expect(lines[5]?.endsWith('\n')).toBe(true);
  });
});
