import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseTrace, readTrace, streamTrace } from '../../src/simulator/traces/read.js';

/** As it is built: a process of its own reads the pipe. */
const READ = new URL('../../dist/src/simulator/traces/read.js', import.meta.url).href;
const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens';
const azure = (...rows: string[]) => parseTrace([HEADER, ...rows], 'azure', { name: 'a.csv' });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-traces-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('azure traces', () => {
  it('count seconds from the first row and keep all seven digits of a fraction', async () => {
    const { rows } = await azure(
      '2023-11-16 18:15:46.6805900,374,44',
      '2023-11-16 18:15:46.6805901,1,2',
      '2023-11-16 18:16:47.6805900,396,109',
    );
    expect(rows.map(({ isl, osl }) => [isl, osl])).toEqual([
      [374, 44],
      [1, 2],
      [396, 109],
    ]);
    expect(rows[0]?.atSeconds).toBe(0);
    expect(rows[1]?.atSeconds).toBeCloseTo(1e-7, 12);
    expect(rows[2]?.atSeconds).toBeCloseTo(61, 9);
  });

  it('understand the 2024 form with a zone, and midnight', async () => {
    const { rows } = await azure('2024-05-10 23:59:59.500000+00:00,5,6', '2024-05-11 02:00:00+02:00,7,8');
    expect(rows[1]?.atSeconds).toBeCloseTo(0.5, 9);
  });

  it.each([
    ['no time,5,6', /a\.csv:2: expected a TIMESTAMP like .* got "no time"/],
    ['2023-02-30 00:00:00,5,6', /a\.csv:2: expected a TIMESTAMP that exists/],
    ['2023-11-16 18:15:46,0,6', /a\.csv:2: expected ContextTokens to be at least 1 token, got "0"/],
    ['2023-11-16 18:15:46,5,', /a\.csv:2: expected GeneratedTokens to be a whole number, got ""/],
    ['2023-11-16 18:15:46,5,2000000', /a\.csv:2: expected GeneratedTokens to be at most 1000000 tokens/],
    ['2023-11-16 18:15:46,5', /a\.csv:2: expected 3 columns/],
  ])('refuse %s with line and reason', async (row, message) => {
    await expect(azure(row)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(message),
    });
  });

  it('refuse a file without the header', async () => {
    await expect(parseTrace(['2023-11-16 18:15:46,5,6'], 'azure')).rejects.toThrow(
      /trace:1: expected the header/,
    );
  });

  it('refuse rows out of order, naming how far', async () => {
    await expect(azure('2023-11-16 18:15:46,5,6', '2023-11-16 18:15:44,5,6')).rejects.toThrow(
      /a\.csv:3: expected rows in order of time, got one 2\.000 s before the last/,
    );
  });
});

describe('one time far from the others', () => {
  const row = (at: number) => `{"at_seconds": ${at}, "isl": 5, "osl": 6}`;

  it('is a broken row, refused by line or counted', async () => {
    const lines = [row(0), row(1), row(1_700_000_000_000), row(2)];
    await expect(parseTrace(lines, 'jsonl')).rejects.toThrow(
      /trace:3: expected a time within 400 days of the first row's, .*; times are seconds, this one may be milliseconds/,
    );
    const { rows, skipped } = await parseTrace(lines, 'jsonl', { skipBad: true, maxSeconds: 60 });
    expect(rows.map(({ atSeconds }) => atSeconds)).toEqual([0, 1, 2]);
    expect(skipped).toBe(1);
  });

  it('does not take all others with it where it is the first', async () => {
    const lines = [row(1_700_000_000_000), row(0), row(1), row(2)];
    await expect(parseTrace(lines, 'jsonl', { skipBad: true })).rejects.toThrow(
      /trace:1: expected the first row to be the earliest, got 3 rows before it and 1 from it on/,
    );
    const one = await parseTrace([row(3), row(2), row(4), row(5)], 'jsonl', { skipBad: true });
    expect([one.rows.length, one.skipped]).toEqual([3, 1]);
  });
});

describe('mooncake and our own traces', () => {
  it('read milliseconds, lengths and blocks', async () => {
    const { rows } = await parseTrace(
      [
        '{"timestamp": 100, "input_length": 600, "output_length": 6, "hash_ids": [1, 2]}',
        '{"timestamp": 1100, "input_length": 512, "output_length": 7, "hash_ids": [1]}',
      ],
      'mooncake',
    );
    expect(rows).toEqual([
      { atSeconds: 0, isl: 600, osl: 6, blocks: [1, 2] },
      { atSeconds: 1, isl: 512, osl: 7, blocks: [1] },
    ]);
  });

  it('refuse a mooncake row whose blocks do not cover its input', async () => {
    const row = '{"timestamp": 0, "input_length": 600, "output_length": 6, "hash_ids": [1]}';
    await expect(parseTrace([row], 'mooncake')).rejects.toThrow(/trace:1: expected 2 hash_ids .* got 1/);
  });

  it('read levels, ids and prompts of our own rows; a prompt sets the length', async () => {
    const { rows } = await parseTrace(
      [
        '{"at_seconds":3,"isl":9,"osl":4,"slo_level":"low"}',
        '{"at_seconds":5,"osl":1,"id":"x","prompt":"one two"}',
      ],
      'jsonl',
    );
    expect(rows).toEqual([
      { atSeconds: 0, isl: 9, osl: 4, level: 'low' },
      { atSeconds: 2, isl: 2, osl: 1, id: 'x', prompt: 'one two' },
    ]);
  });

  it.each([
    ['{"at_seconds":1,"osl":4}', /trace:1: row: expected isl or prompt/],
    ['{"at_seconds":1,"isl":0,"osl":4}', /trace:1: isl:/],
    ['{"at_seconds":1,"isl":3', /trace:1: expected one JSON object, got/],
    ['{"at_seconds":1,"prompt":"  ","osl":4}', /trace:1: expected a prompt with text/],
  ])('refuse %s', async (row, message) => {
    await expect(parseTrace([row], 'jsonl')).rejects.toThrow(message);
  });

  it('refuse an id that stands twice', async () => {
    const row = '{"at_seconds":1,"isl":3,"osl":4,"id":"x"}';
    await expect(parseTrace([row, row], 'jsonl')).rejects.toThrow(
      /trace:2: expected an id of its own, got "x"/,
    );
  });
});

describe('a level that no pool serves', () => {
  it('is a broken row, refused by line or counted', async () => {
    const row = (level: string) => `{"at_seconds": 1, "isl": 5, "osl": 6, "slo_level": "${level}"}`;
    const lines = [row('high'), row('nope'), row('low')];
    const levels = ['high', 'low'];
    await expect(parseTrace(lines, 'jsonl', { levels })).rejects.toThrow(
      /^trace:2: expected an SLO level of high, low, got "nope"; .* --skip-bad$/,
    );
    const { rows, skipped } = await parseTrace(lines, 'jsonl', { levels, skipBad: true });
    expect([rows.map(({ level }) => level), skipped]).toEqual([['high', 'low'], 1]);
  });
});

describe('gaps of a trace', () => {
  const read = (times: number[], options = {}) =>
    parseTrace(
      times.map((at) => `{"at_seconds": ${at}, "isl": 5, "osl": 6}`),
      'jsonl',
      options,
    );
  const hours = (count: number) => 3600 * count;

  it('are told with line and length where they are over an hour and 100 times the mean distance', async () => {
    const { gaps } = await read([0, 1, 1 + hours(96)]);
    expect(gaps).toEqual([{ line: 3, fromSeconds: 1, seconds: hours(96) }]);
    expect((await read([0, 1, 1 + hours(1)])).gaps).toEqual([]);
    // 60 s between rows: 6000 s are no gap yet.
    expect((await read([0, 60, 120, 6120])).gaps).toEqual([]);
    expect((await read([0, 60, 120, 6121])).gaps).toHaveLength(1);
  });

  it('are none where all rows are far apart', async () => {
    expect((await read([0, hours(2), hours(50)])).gaps).toEqual([]);
  });

  it('are shortened where that is asked for, and what comes after moves with them', async () => {
    const { rows, gaps, shortenedSeconds } = await read([0, 1, 1001, 1002, 5000], { maxGapSeconds: 600 });
    expect(rows.map(({ atSeconds }) => atSeconds)).toEqual([0, 1, 601, 602, 1202]);
    // 1000 - 600, and 3998 - 600.
    expect([gaps, shortenedSeconds]).toEqual([[], 400 + 3398]);
  });
});

describe('reading a trace', () => {
  it('counts broken rows under skipBad and names the first', async () => {
    const row = (at: number) => `{"at_seconds":${at},"isl":1,"osl":1}`;
    const trace = await parseTrace([row(1), 'broken', row(0), '', row(2)], 'jsonl', { skipBad: true });
    expect(trace.rows).toHaveLength(2);
    expect(trace.skipped).toBe(2);
    expect(trace.firstBad).toMatch(/^trace:2: /);
  });

  it('takes only the first seconds asked for', async () => {
    const rows = [0, 59, 60, 61].map((at) => `{"at_seconds":${at},"isl":1,"osl":1}`);
    expect((await parseTrace(rows, 'jsonl', { maxSeconds: 60 })).rows).toHaveLength(2);
  });

  it('refuses an empty trace, and one that skipBad empties', async () => {
    await expect(parseTrace([HEADER], 'azure')).rejects.toThrow(/expected at least one azure row, got none/);
    await expect(parseTrace(['x'], 'jsonl', { skipBad: true })).rejects.toThrow(
      /got none; 1 rows were left out, the first: trace:1:/,
    );
  });

  it('reads files with either line end, and names a file that is not there', async () => {
    const path = join(folder, 'crlf.csv');
    await writeFile(path, `${HEADER}\r\n2023-11-16 18:15:46.1,3,4\r\n2023-11-16 18:15:47.1,5,6`);
    expect((await readTrace(path, 'azure')).rows).toHaveLength(2);
    await expect(readTrace(join(folder, 'none.csv'), 'azure')).rejects.toMatchObject({ code: 'not_found' });
    await expect(readTrace(folder, 'azure')).rejects.toMatchObject({
      code: 'invalid_request',
      message: `expected a trace file at ${folder}: it is a folder`,
    });
  });

  it('says that a file is packed, streamed or whole', async () => {
    const path = join(folder, 'a.csv.gz');
    await writeFile(path, gzipSync(`${HEADER}\n2023-11-16 18:15:46.1,3,4\n`));
    const message = `expected a trace as plain text at ${path}, got one that gzip made; unpack it first (gunzip)`;
    await expect(readTrace(path, 'azure', { skipBad: true })).rejects.toThrow(message);
    expect(() => [...streamTrace(path, 'azure').rows]).toThrow(message);
  });

  it.runIf(existsSync('/bin/sh'))('reads a pipe, which gives its bytes once', () => {
    const rows = `${HEADER}\n2023-11-16 18:15:46.1,3,4\n`;
    const read = `import { streamTrace } from ${JSON.stringify(READ)}; console.log([...streamTrace('/dev/stdin', 'azure').rows].length)`;
    const { stdout, stderr } = spawnSync(
      '/bin/sh',
      ['-c', 'cat | "$0" --input-type=module -e "$1"', process.execPath, read],
      {
        input: rows,
        encoding: 'utf8',
      },
    );
    expect([stdout, stderr]).toEqual(['1\n', '']);
  });
});

const shared = new URL('../../../shared/traces/', import.meta.url).pathname;
describe.runIf(existsSync(shared))('the public traces', () => {
  it('read whole and in order', async () => {
    const conversations = await readTrace(join(shared, 'AzureLLMInferenceTrace_conv.csv'), 'azure');
    expect(conversations).toMatchObject({ gaps: [], skipped: 0 });
    expect(conversations.rows).toHaveLength(19_366);
    const mooncake = await readTrace(join(shared, 'mooncake_synthetic_trace.jsonl'), 'mooncake');
    expect(mooncake.gaps).toEqual([]);
    expect(mooncake.rows).toHaveLength(3_993);
  });
});
