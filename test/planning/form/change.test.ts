import { describe, expect, test } from 'vitest';
import { T } from '../support.js';
import { choose, formed } from './support.js';

const NONE = { prefill: 0, decode: 0 };
const whole = (decode: number) => ({ prefill: 0, decode });
const split = (prefill: number, decode: number) => ({ prefill, decode });

describe('a pool without a worker', () => {
  // 16 requests/s: 8 whole workers, or 3 + 2 halves. 1 request/s: one of each kind, or both halves.
  test.each([
    [16, split(3, 2)],
    [1, whole(1)],
  ])('opens in the form that needs fewer GPUs, at %d requests/s', (rps, fleet) => {
    expect(choose(NONE, rps).more?.replicas).toEqual(fleet);
  });

  test('opens aggregated where both forms cost the same', () => {
    // 2 whole workers, or 1 + 1.
    expect(choose(NONE, 2).more?.replicas).toEqual(whole(2));
  });

  test('counts the GPUs of each role', () => {
    // 3 + 2 with prefill workers of four GPUs are 14 GPUs.
    expect(choose(NONE, 16, { tp: { prefill: 4, decode: 1 } }).more?.replicas).toEqual(whole(8));
  });

  test('orders all prefill workers at once, and steps only with the others', () => {
    expect(choose(NONE, 16, { aggressiveness: 'conservative' }).more?.replicas).toEqual(split(3, 1));
  });
});

describe('a pool that serves', () => {
  test('changes at once where it would have to grow as much', () => {
    // 5 of 8 whole workers: 3 more, or 3 prefill workers beside the 5.
    const { more, candidates, memory } = choose(whole(5), 16);
    expect(more?.replicas).toEqual(split(3, 5));
    expect(more?.why).toMatch(
      /^change to disaggregated: 3 prefill \+ 2 decode keep the level, aggregated it takes 8, 3 GPUs more/,
    );
    const chosen = candidates.find(({ prefill }) => prefill > 0);
    expect(chosen).toMatchObject({ prefill: 3, decode: 2, gpus: 5, holds: true });
    expect(chosen?.why).toMatch(/the pool changes to disaggregated$/);
    expect(memory.form).toMatchObject({ form: 'aggregated', saved: 0, leaving: false });
  });

  test('else once the other form would have saved what the change costs, there and back', () => {
    // 3 GPUs more for 15 s, twice: 90 GPU-seconds; 3 GPUs fewer save 15 in each 5 s.
    const kept = choose(whole(8), 16, {}, formed({ form: 'aggregated', saved: 60, sightings: 4 }));
    expect(kept.more).toBeNull();
    expect(kept.memory.form).toMatchObject({ saved: 75, sightings: 5 });
    expect(kept.candidates[0]?.why).toBe(
      '3 prefill + 2 decode would do with 3 GPUs fewer; 75 of the 90 GPU-seconds that a change costs are saved so far',
    );
    const goes = choose(whole(8), 16, {}, formed({ form: 'aggregated', saved: 75, sightings: 5 }));
    expect(goes.more?.replicas).toEqual(split(3, 8));
  });

  test('stays where both forms cost the same, and tells what the other would take', () => {
    const { more, fewer, candidates, memory } = choose(whole(2), 2);
    expect([more, fewer, memory.form?.saved]).toEqual([null, null, 0]);
    expect(candidates.find(({ prefill }) => prefill > 0)).toMatchObject({
      ...split(1, 1),
      why: 'keeps the level too, with as many GPUs',
    });
  });

  test('tells how many GPUs more the other form takes', () => {
    const { candidates } = choose(whole(1), 1);
    expect(candidates.find(({ prefill }) => prefill > 0)?.why).toBe('keeps the level too, with 1 GPU more');
  });

  test('forgets what was saved while the other form costs more', () => {
    // 1 GPU more for 5 s.
    const { memory } = choose(whole(1), 1, {}, formed({ form: 'aggregated', saved: 8, sightings: 3 }));
    expect(memory.form).toMatchObject({ saved: 3, sightings: 0 });
  });

  test('keeps a form that it has just changed to for 15 minutes, whatever it costs', () => {
    const has = (agoMs: number) =>
      formed({ form: 'aggregated', changedAtMs: T - agoMs, saved: 1000, sightings: 9 });
    const kept = choose(whole(8), 16, {}, has(899_000));
    expect(kept.more).toBeNull();
    expect(kept.candidates[0]?.why).toMatch(/the form changed 899 s ago, held for 900 s$/);
    expect(choose(whole(8), 16, {}, has(901_000)).more?.replicas).toEqual(split(3, 8));
  });

  test('stays where the GPUs have no room for both, and says so', () => {
    const full = choose(whole(8), 16, { gpuCeiling: 10 }, formed({ saved: 1000, sightings: 9 }));
    expect(full.more).toBeNull();
    expect(full.candidates[0]?.why).toBe(
      '3 prefill + 2 decode would do with 3 GPUs fewer, but both forms do not fit 10 GPUs and 32 workers',
    );
  });

  test('exchanges workers in a full budget where only the other form keeps the level within it', () => {
    // 8 whole workers are beyond 6 GPUs: 3 + 2 are not, and one more decode worker has room.
    const { more } = choose(whole(6), 16, { gpuCeiling: 6 }, formed({ saved: 1000, sightings: 9 }));
    expect(more?.replicas).toEqual(split(3, 3));
    expect(more?.why).toMatch(/aggregated 6 GPUs do not$/);
  });
});

describe('back to aggregated', () => {
  const ripe = formed({ form: 'disaggregated', saved: 1000, sightings: 9 });

  test('prefill workers go at once where enough workers decode', () => {
    const { fewer, more, memory } = choose(split(3, 2), 1, {}, ripe);
    expect(more).toBeNull();
    expect(fewer?.replicas).toEqual(whole(2));
    expect(memory.form?.leaving).toBe(true);
  });

  test('workers that serve whole requests come first where too few decode', () => {
    // Prefill workers of eight GPUs: 16 requests/s are cheaper with 8 whole workers.
    const dear = { tp: { prefill: 8, decode: 1 }, gpuCeiling: 64, maxWorkers: 64 };
    const first = choose(split(3, 2), 16, dear, ripe);
    expect([first.more?.replicas, first.fewer]).toEqual([split(3, 8), null]);
    const leaving = formed({ form: 'disaggregated', leaving: true });
    const starting = choose(split(3, 8), 16, dear, leaving, { ready: split(3, 5) });
    expect([starting.more, starting.fewer]).toEqual([null, null]);
    const ready = choose(split(3, 8), 16, dear, leaving);
    expect(ready.fewer?.replicas).toEqual(whole(8));
  });

  test('at once where prefill workers are not granted and those that decode can serve whole', () => {
    const { fewer } = choose(split(3, 8), 16, {}, formed({ form: 'disaggregated' }), {
      ready: split(1, 8),
      granted: split(1, 8),
    });
    expect(fewer?.replicas).toEqual(whole(8));
    expect(fewer?.why).toMatch(/^back to aggregated: 1 of 3 prefill workers granted/);
  });

  test('not while too few could serve whole requests', () => {
    const seen = { ready: split(1, 2), granted: split(1, 2) };
    expect(choose(split(3, 2), 16, {}, formed({ form: 'disaggregated' }), seen).fewer).toBeNull();
  });

  test('an idle pool goes to an aggregated floor, and what comes then may change it at once', () => {
    const silent = { lastTrafficAtMs: T - 60_000, floor: 1 };
    const { floor, memory } = choose(split(3, 2), 0, {}, { ...silent, ...ripe });
    expect(floor?.replicas).toEqual(whole(1));
    expect(memory.form).toMatchObject({ form: null, changedAtMs: null });
  });
});
