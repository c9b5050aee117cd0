import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadMeasuredTable } from '../../../src/profile/load.js';
import { readTable } from '../../../src/profile/tables/read.js';
import { npy, npz } from '../../support/npz.js';
import { ownProfile, parse } from './support.js';

const prefill = {
  prefill_isl: [100, 200, 400],
  prefill_ttft: [5, 9, 20],
  prefill_thpt_per_gpu: [20, 22, 20],
};
const decode = {
  x_kv_usage: [0.1, 0.5],
  y_context_length: [512, 1024],
  z_itl: [8, 15],
  z_thpt_per_gpu: [1200, 900],
  max_kv_tokens: 32768,
};
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const prefillNpz = npz({
  prefill_isl: npy([100, 200, 400], [3], '<i8'),
  prefill_ttft: npy([5, 9, 20]),
  prefill_thpt_per_gpu: npy([20, 22, 20]),
});
const decodeNpz = npz({
  x_kv_usage: npy([0.1, 0.5]),
  y_context_length: npy([512, 1024]),
  z_itl: npy([8, 15]),
  z_thpt_per_gpu: npy([1200, 900]),
  max_kv_tokens: npy([32768], [1], '<i8'),
});

describe('reading measured tables', () => {
  it('reads our JSON, the corrected throughput beside the recorded one', () => {
    const profile = ownProfile();
    const corrected = profile.prefill.thpt_per_gpu.map((value) => 2 * value);
    const table = parse({ ...profile, prefill: { ...profile.prefill, thpt_per_gpu_corrected: corrected } });
    expect(table.prefill.isl).toEqual([100, 1000, 4000, 8000]);
    expect(table.prefill.throughputPerGpu).toEqual(corrected);
    expect(table.prefill.recordedThroughputPerGpu).toEqual(profile.prefill.thpt_per_gpu);
    expect(table.decode.throughputPerGpu).toEqual(profile.decode.thpt_per_gpu);
    expect(table.meta).toMatchObject({ model: 'm', gpu: 'g', decodeGpus: 1 });
  });

  it("reads Dynamo's JSON and npz to the same table", () => {
    const fromJson = readTable('d', [
      { name: 'p', bytes: json(prefill) },
      { name: 'd', bytes: json(decode) },
    ]);
    const fromNpz = readTable('d', [
      { name: 'p', bytes: prefillNpz },
      { name: 'd', bytes: decodeNpz },
    ]);
    expect(fromNpz).toEqual(fromJson);
    expect(fromJson.decode).toMatchObject({ itlMs: [8, 15], maxKvTokens: 32768 });
    expect(fromJson.prefill.ttftMs).toEqual([5, 9, 20]);
  });

  it('takes one profile of an npz that holds several', () => {
    const files = [
      {
        name: 'p.npz',
        bytes: npz({
          prefill_isl: npy([100, 200, 100, 300], [2, 2]),
          prefill_ttft: npy([5, 9, 6, 12], [2, 2]),
          prefill_thpt_per_gpu: npy([20, 22, 16, 25], [2, 2]),
        }),
      },
      { name: 'd.json', bytes: json(decode) },
    ];
    expect(readTable('d', files, { row: 1 }).prefill.isl).toEqual([100, 300]);
    expect(() => readTable('d', files, { row: 2 })).toThrow('p.npz: prefill_isl: it holds 2 profiles');
  });

  const change = (part: 'prefill' | 'decode', column: string, value: unknown) => {
    const profile = ownProfile();
    return { ...profile, [part]: { ...profile[part], [column]: value } };
  };
  it.each([
    ['a NaN', { ...prefill, prefill_ttft: [5, Number.NaN, 20], ...decode }, 'prefill_ttft[1]'],
    ['a text', change('decode', 'itl_ms', ['4']), 'decode.itl_ms[0]'],
    [
      'a negative latency',
      change('prefill', 'ttft_ms', [5, -1, 7, 8]),
      'prefill.ttft[1]: expected more than 0',
    ],
    [
      'an ISL that does not rise',
      change('prefill', 'isl', [1, 3, 3, 4]),
      'prefill.isl[2]: expected more than 3',
    ],
    ['columns of different length', change('prefill', 'ttft_ms', [5]), 'prefill.ttft: expected 4 values'],
    ['an empty column', change('decode', 'kv_usage', []), 'decode.kv_usage: expected at least one point'],
    ['a KV usage above 1', change('decode', 'kv_usage', Array(9).fill(1.2)), 'decode.kv_usage[0]'],
    ['no KV capacity', change('decode', 'max_kv_tokens', 0), 'decode.max_kv_tokens'],
    ['seconds for milliseconds', change('decode', 'itl_ms', Array(9).fill(0.008)), 'these look like seconds'],
    [
      'microseconds for milliseconds',
      change('decode', 'itl_ms', Array(9).fill(8000)),
      'decode.itl: expected milliseconds, got half of them above 8000: these look like microseconds',
    ],
    [
      'prompts in seconds',
      change('prefill', 'ttft_ms', [0.032, 0.14, 0.5, 1.957]),
      'prefill.ttft: expected milliseconds, got 0.032 for the shortest: these look like seconds',
    ],
    [
      'prompts in microseconds',
      change('prefill', 'ttft_ms', [12_000, 30_000, 90_000, 170_000]),
      'these look like microseconds; divide them by 1000',
    ],
    ['a half of a profile', prefill, 'x_kv_usage'],
    [
      'engines of half a GPU',
      { ...ownProfile(), meta: { gpus_per_prefill_engine: 1.5 } },
      'meta.gpus_per_prefill_engine',
    ],
    ['no object', [1, 2], 'expected a JSON object'],
  ])('refuses %s, naming file and place', (_, profile, place) => {
    expect(() => parse(profile)).toThrow(expect.objectContaining({ code: 'invalid_config' }));
    try {
      parse(profile);
    } catch (error) {
      expect(String(error)).toContain('p.json: ');
      expect(String(error)).toContain(place);
    }
  });

  it('reads a table of more points than a call takes arguments', () => {
    const profile = ownProfile();
    const many = 200_000;
    const context = Array.from({ length: many }, (_, i) => 300 + i);
    const decode = {
      kv_usage: context.map((tokens) => tokens / 1e6),
      context_length: context,
      itl_ms: context.map((tokens) => 4.05 + 0.00002 * tokens),
      thpt_per_gpu: context.map((tokens) => 1000 / (4.05 + 0.00002 * tokens)),
      max_kv_tokens: 1e6,
    };
    expect(parse({ ...profile, decode }).decode.itlMs).toHaveLength(many);
  });

  it('leaves a NaN alone that is part of a text', () => {
    const note = 'say ["a", NaN] or :Infinity, \\ NaN';
    const own = { ...ownProfile(), meta: { note } };
    expect(parse(own).meta.note).toBe(note);
  });

  it('refuses a row of a file that is no npz', () => {
    const files = [{ name: 'p.json', bytes: json(ownProfile()) }];
    expect(() => readTable('p', files, { row: 5 })).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining('p.json: a row') }),
    );
  });

  it('refuses text that is neither JSON nor npz', () => {
    expect(() => readTable('p', [{ name: 'p.json', bytes: Buffer.from('{"a": nothing}') }])).toThrow(
      'p.json: (top): expected JSON or an npz archive',
    );
  });
});

describe('loading measured tables', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tables-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("finds both halves in a profiler's folder", () => {
    for (const [role, bytes] of [
      ['prefill', prefillNpz],
      ['decode', decodeNpz],
    ] as const) {
      mkdirSync(join(folder, `selected_${role}_interpolation`));
      writeFileSync(join(folder, `selected_${role}_interpolation`, 'raw_data.npz'), bytes);
    }
    expect(loadMeasuredTable(folder).prefill.isl).toEqual([100, 200, 400]);
  });

  it('says what it looked for in a folder without them, and which file it could not read', () => {
    const empty = mkdtempSync(join(folder, 'empty'));
    expect(() => loadMeasuredTable(empty)).toThrow('prefill_raw_data.json and decode_raw_data.json');
    expect(() => loadMeasuredTable(join(folder, 'none.json'))).toThrow('none.json: cannot read the profile');
  });
});
