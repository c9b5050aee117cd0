import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RecordChain } from '../../../src/cli/explain/chain.js';
import { explainCommand, jsonLines } from '../../../src/cli/explain/command.js';
import { replayFile } from '../../../src/cli/explain/replay.js';
import { momentOf } from '../../../src/cli/explain/time.js';
import { explainRecord } from '../../../src/cli/explain/words.js';
import type { TransitionRecord } from '../../../src/contract/transition.js';
import { recomputeStep } from '../../../src/scheduler/planner-loop/replay.js';
import { shapeRequests } from '../../../src/simulator/workload/shape.js';
import { onePool, run } from '../../simulator/run/support.js';

const dir = mkdtempSync(join(tmpdir(), 'sluice-explain-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const decisions: TransitionRecord[] = [];
// A load that rises by and by, past what one worker carries, and stays.
const tokens = (median: number) => ({ median, sigma: 0, min: 1, max: 100_000 });
const rate = [
  { atSeconds: 0, rps: 15 },
  { atSeconds: 200, rps: 80 },
  { atSeconds: 300, rps: 80 },
];
const rising = shapeRequests({ level: 'medium', rate, isl: tokens(1000), osl: tokens(50) }, 1);
run(onePool({ costOptimization: true }, { coldStartSeconds: 10 }), rising, {
  onDecision: (record) => decisions.push(record),
});

function fileOf(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

describe('the replay of decision records', () => {
  it('comes to the same answer for every plan of a run', async () => {
    const replay = await replayFile(fileOf('all.jsonl', jsonLines(decisions)));
    expect(decisions.length).toBeGreaterThan(25);
    expect(replay).toEqual({ records: decisions.length, same: decisions.length, differ: [] });
  });

  it('sees a record that says another reason, order or candidate than its inputs give', async () => {
    const copies = structuredClone(decisions);
    const at = copies.findIndex((record, i) => i > 0 && (record.candidates?.length ?? 0) > 0);
    const [first, weighed] = copies.slice(at - 1);
    if (first === undefined || weighed?.candidates?.[0] === undefined) throw new Error('no decisions');
    first.reason = 'because';
    weighed.candidates[0].late = 0.5;
    const replay = await replayFile(fileOf('changed.jsonl', jsonLines([first, weighed])));
    expect(replay.same).toBe(0);
    expect(replay.differ.map(({ fields }) => fields.map(({ name }) => name))).toEqual([
      ['reason'],
      ['candidates'],
    ]);
  });

  /** Names of the fields that are told, by index of the record, after `change`. */
  const toldAfter = async (change: (records: TransitionRecord[]) => void) => {
    const copies = structuredClone(decisions);
    change(copies);
    const { differ } = await replayFile(fileOf('tampered.jsonl', jsonLines(copies)));
    return Object.fromEntries(differ.map(({ line, fields }) => [line - 1, fields.map(({ name }) => name)]));
  };
  const published = decisions.findIndex(({ order }, i) => i > 5 && order !== null);
  const routine = decisions.findIndex(
    ({ order, from, to, event }, i) => i > 5 && event === 'TICK' && order === null && from === to,
  );

  it('sees another sequence, at the record and the one after it', async () => {
    const told = await toldAfter((records) => {
      records[routine]!.sequence = 77;
    });
    expect(told).toEqual({ [routine]: ['sequence'], [routine + 1]: ['sequence'] });
  });

  it('sees another pool, by what the record itself holds', async () => {
    const told = await toldAfter((records) => {
      records[routine]!.pool = 'ghost';
    });
    expect(told[routine]).toEqual(['pool']);
  });

  it('sees a record that is missing, there twice or in front, published or not', async () => {
    for (const at of [published, routine]) {
      const missing = await toldAfter((records) => records.splice(at, 1));
      expect(missing[at], `${at} missing`).toContain('basis.memory.lastSlowAtMs');
      const twice = await toldAfter((records) => records.splice(at, 0, structuredClone(records[at]!)));
      expect(Object.keys(twice), `${at} twice`).toContain(String(at + 1));
      const moved = await toldAfter((records) => records.unshift(...records.splice(at, 1)));
      expect(Object.keys(moved), `${at} in front`).toContain('1');
    }
    const first = await toldAfter((records) => records.unshift(structuredClone(records[0]!)));
    expect(first[1]).toContain('basis.memory.lastSlowAtMs');
  });

  it('takes a file that begins later and ends earlier', async () => {
    const part = jsonLines(decisions.slice(routine, -2));
    expect((await replayFile(fileOf('part.jsonl', part))).differ).toEqual([]);
  });

  it('takes a planner that began anew without its past', async () => {
    const chain = new RecordChain();
    const [first] = decisions;
    const last = decisions.at(-1);
    if (first === undefined || last === undefined) throw new Error('no decisions');
    chain.add(last, recomputeStep(last)?.snapshot ?? null);
    expect(chain.add({ ...first, atMs: last.atMs + 1000 }, null)).toEqual([]);
    chain.add(last, recomputeStep(last)?.snapshot ?? null);
    expect(chain.add(first, null)).not.toEqual([]);
  });

  it('refuses a field that records do not have', async () => {
    const at = decisions.findIndex(({ candidates = [] }) => candidates.length > 0);
    const changed: unknown[] = structuredClone(decisions);
    Object.assign((changed[at] as TransitionRecord).candidates![0]!, { bribe: 1 });
    const text = changed.map((record) => `${JSON.stringify(record)}\n`).join('');
    await expect(replayFile(fileOf('field.jsonl', text))).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/field\.jsonl:\d+: .* do not have: candidates\.0\.bribe$/),
    });
  });

  it('refuses a pool and options that choose among records', async () => {
    const file = fileOf('alone.jsonl', jsonLines(decisions));
    await expect(
      explainCommand().parseAsync(['--replay', file, 'high', '--at', '5m'], { from: 'user' }),
    ).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('got pool "high", --at'),
    });
  });

  it('names file and line of what is no record', async () => {
    const [first] = decisions;
    const file = fileOf('broken.jsonl', `${JSON.stringify(first)}\n{"pool":"medium"}\n`);
    await expect(replayFile(file)).rejects.toThrow(/broken\.jsonl:2: expected a decision record, sequence/);
    await expect(replayFile(fileOf('empty.jsonl', '\n'))).rejects.toThrow(/got none/);
    await expect(replayFile(join(dir, 'absent'))).rejects.toMatchObject({ code: 'not_found' });
    await expect(replayFile(dir)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('it is a folder'),
    });
  });
});

describe('a decision in words', () => {
  it('tells what was seen, weighed and decided, and marks the fleet that stands afterwards', () => {
    const grown = decisions.find(
      (record) => record.order !== null && (record.candidates?.length ?? 0) > 1 && record.to === 'scaleUp',
    );
    if (grown?.order === undefined || grown.order === null) throw new Error('it never grew');
    const text = explainRecord(grown, 2.5);
    expect(text).toContain('-> scaleUp  plan of the slow loop');
    expect(text).toMatch(/saw +\S+ requests\/s; \d+ waiting/);
    expect(text).toMatch(new RegExp(`> ?${grown.order.decode} workers`));
    expect(text).toContain('the fewest GPUs that keep the level');
    expect(text).toMatch(/% late, \S+ % may be|of the prompt tokens late/);
    expect(text).toContain(`decided  ${grown.order.decode - 1} -> ${grown.order.decode} workers`);
  });

  it('says why a larger fleet is kept', () => {
    const held = decisions.find(({ reason }) => reason.includes('would do now, kept:'));
    expect(held?.reason).toMatch(/would do now, kept: \S+/);
  });

  it('weighs the fewest that hold as holding, and one fewer as not', () => {
    for (const { candidates = [] } of decisions) {
      const fewest = candidates.findIndex(({ why }) => why === 'the fewest GPUs that keep the level');
      if (fewest < 0) continue;
      expect(candidates[fewest]?.holds).toBe(true);
      expect(candidates.slice(0, fewest).some(({ holds }) => holds)).toBe(false);
    }
  });
});

describe('a moment', () => {
  const now = Date.parse('2026-02-03T10:00:00Z');
  it.each([
    ['2026-02-01T00:00:00Z', '2026-02-01T00:00:00Z'],
    ['09:30', '2026-02-03T09:30:00Z'],
    ['9:30:15', '2026-02-03T09:30:15Z'],
    ['5m', '2026-02-03T09:55:00Z'],
    ['1.5h ago', '2026-02-03T08:30:00Z'],
  ])('is read from %s', (text, iso) => expect(momentOf(text, now)).toBe(Date.parse(iso)));

  it('is refused with the forms that are known', () => {
    expect(() => momentOf('yesterday', now)).toThrow(/expected --at as .* got "yesterday"/);
  });
});

it('explain without a pool or a file is wrong input, whatever runs', async () => {
  await expect(explainCommand().parseAsync([], { from: 'user' })).rejects.toMatchObject({
    code: 'invalid_request',
    message: 'expected a pool, or --replay FILE, got neither',
  });
});
