import { describe, expect, it } from 'vitest';
import { itlSeconds, ttftSeconds } from '../../src/profile/law.js';
import { profileWithBlocks, roundProfile } from '../support/profiles.js';
import { driveToEnd, newCore, request, tokenTimes } from '../support/sim.js';

describe('step times', () => {
  it("reproduce the law's TTFT for a lone prompt and its ITL after it", () => {
    const core = newCore();
    const lone = request('a', { isl: 1000, maxTokens: 3 });
    core.submit(lone, 100);
    const times = tokenTimes(driveToEnd(core), 'a');
    const first = 100 + 1000 * ttftSeconds(roundProfile, 1, 1000);
    const second = first + 1000 * itlSeconds(roundProfile, 1, 1, 1000);
    const third = second + 1000 * itlSeconds(roundProfile, 1, 1, 1001);
    expect(times[0]).toBeCloseTo(first, 9);
    expect(times[1]).toBeCloseTo(second, 9);
    expect(times[2]).toBeCloseTo(third, 9);
  });

  it('reproduce the ITL of a steady batch: 8 sequences of 100 tokens', () => {
    const core = newCore();
    for (let i = 0; i < 8; i++) core.submit(request(`r${i}`, { isl: 100, maxTokens: 50 }), 0);
    const times = tokenTimes(driveToEnd(core), 'r3');
    expect(times).toHaveLength(50);
    for (let i = 1; i < 50; i++) {
      const law = 1000 * itlSeconds(roundProfile, 1, 8, 8 * (100 + i - 1));
      expect((times[i] ?? 0) - (times[i - 1] ?? 0)).toBeCloseTo(law, 6);
    }
  });

  it('cut a prompt into chunks of what the decoding sequences leave of the token budget', () => {
    const core = newCore({ maxBatchedTokens: 64, maxSequences: 8 });
    core.submit(request('d', { isl: 10, maxTokens: 20 }), 0);
    core.advance(8);
    core.submit(request('p', { isl: 100, maxTokens: 1 }), 8);
    const events = driveToEnd(core);
    // p is through its front end at 14 ms; the decode step under way ends first, then 63 + 37 prompt tokens, each
    // beside one decode token.
    const d = tokenTimes(events, 'd');
    const oneDecode = (kv: number) => 4 + 0.05 + 0.00004 * kv;
    const firstChunk = 63 * 0.02 + 63 ** 2 * 1e-6 + oneDecode(11);
    const secondChunk = 37 * 0.02 + (100 ** 2 - 63 ** 2) * 1e-6 + oneDecode(12);
    expect(d[0]).toBeCloseTo(10 + 10 * 0.02 + 10 ** 2 * 1e-6, 9);
    expect((d[1] ?? 0) - (d[0] ?? 0)).toBeCloseTo(oneDecode(10), 9);
    expect((d[2] ?? 0) - (d[1] ?? 0)).toBeCloseTo(firstChunk, 9);
    expect((d[3] ?? 0) - (d[2] ?? 0)).toBeCloseTo(secondChunk, 9);
    expect(tokenTimes(events, 'p')).toEqual([d[3]]);
  });

  it('do not depend on how late or how often advance is called', () => {
    const run = (stepMs: number) => {
      const core = newCore();
      const events = [];
      for (let i = 0; i < 5; i++) core.submit(request(`r${i}`, { isl: 300 + i, maxTokens: 9 }), 0);
      for (let now = 0; core.nextEventAt() !== null; now += stepMs) events.push(...core.advance(now));
      return events.map((event) => [event.type, event.request.id, event.atMs]);
    };
    expect(run(0.5)).toEqual(run(10_000));
  });
});

describe('the front end', () => {
  it('holds up its own request only: a decoding sequence pays for the prompt tokens beside it and no more', () => {
    const core = newCore();
    core.submit(request('d', { isl: 100, maxTokens: 30 }), 0);
    const events = core.advance(50);
    core.submit(request('p', { isl: 200, maxTokens: 1 }), 50);
    events.push(...driveToEnd(core));
    const d = tokenTimes(events, 'd');
    const p = tokenTimes(events, 'p')[0] ?? 0;
    const extra = d.map((at, i) => at - (d[i - 1] ?? at) - 4.05 - 0.00004 * (100 + i - 1));
    const held = d.indexOf(p);
    expect(p - 50).toBeGreaterThan(6);
    for (const [i, ms] of extra.entries()) {
      if (i > 0) expect(ms).toBeCloseTo(i === held ? 200 * 0.02 + 200 ** 2 * 1e-6 : 0, 9);
    }
  });

  it('lets prompts that came together into one step: 6 ms, then 4 + 2 x 2.01 ms', () => {
    const core = newCore();
    for (const id of ['a', 'b']) core.submit(request(id, { isl: 100, maxTokens: 1 }), 0);
    const events = driveToEnd(core);
    expect(tokenTimes(events, 'a')[0]).toBeCloseTo(6 + 4 + 2 * (2 + 0.01), 9);
    expect(tokenTimes(events, 'b')).toEqual(tokenTimes(events, 'a'));
  });

  it('is not there where a0 is no more than b0', () => {
    const law = { ttft: [0.004, 20e-6, 1e-9], itl: [0.004, 50e-6, 40e-9] } as const;
    const core = newCore({ profile: { ...roundProfile, tp: { 1: law } } });
    core.submit(request('a', { isl: 100, maxTokens: 1 }), 7);
    expect(core.nextEventAt()).toBe(7);
    expect(tokenTimes(driveToEnd(core), 'a')[0]).toBeCloseTo(7 + 4 + 2 + 0.01, 9);
  });
});

describe('the KV cache', () => {
  it('has as many blocks as memory utilisation gives: (100 GB x u - 25 GB) / 1.6 MB', () => {
    expect(newCore({ gpuMemoryUtilization: 0.9 }).load().totalKvBlocks).toBe(40_625);
    expect(newCore({ gpuMemoryUtilization: 0.95 }).load().totalKvBlocks).toBe(43_750);
  });

  it('shortens the prefill of a prompt whose beginning was computed before', () => {
    const core = newCore();
    const hashes = Array.from({ length: 60 }, (_, i) => i + 1);
    core.submit(request('a', { isl: 1000, maxTokens: 1, hashes }), 0);
    const cold = tokenTimes(driveToEnd(core), 'a')[0] ?? 0;
    expect(core.load().prefixHitRate).toBe(0);
    core.submit(request('b', { isl: 1000, maxTokens: 1, hashes }), 1000);
    const warm = (tokenTimes(driveToEnd(core), 'b')[0] ?? 0) - 1000;
    // 60 runs of 16 are found, 40 tokens after a context of 960 are left.
    expect(cold).toBeCloseTo(31, 9);
    expect(warm).toBeCloseTo(10 + 40 * 0.02 + (1000 ** 2 - 960 ** 2) * 1e-6, 9);
    expect(core.load().prefixHitRate).toBeCloseTo(960 / 2000, 9);
    expect(core.load().usedKvBlocks).toBe(0);
  });

  it('never finds the whole prompt: the last token is computed', () => {
    const core = newCore();
    const hashes = [1, 2];
    core.submit(request('a', { isl: 32, maxTokens: 1, hashes }), 0);
    driveToEnd(core);
    core.submit(request('b', { isl: 32, maxTokens: 1, hashes }), 1000);
    driveToEnd(core);
    expect(core.load().prefixHitRate).toBeCloseTo(16 / 64, 9);
  });

  it('shares a prefix between running requests and forgets the least recently used when room is needed', () => {
    const core = newCore({ profile: profileWithBlocks(8) });
    const old = [1, 2, 3];
    const recent = [11, 12, 13];
    for (const [id, hashes] of [
      ['a', old],
      ['b', recent],
    ] as const) {
      core.submit(request(id, { isl: 50, maxTokens: 1, hashes }), 0);
      driveToEnd(core);
    }
    core.submit(request('big', { isl: 70, maxTokens: 1 }), 1000);
    driveToEnd(core);
    const before = core.load().prefixHitRate ?? 0;
    core.submit(request('c', { isl: 50, maxTokens: 1, hashes: recent }), 2000);
    core.submit(request('d', { isl: 50, maxTokens: 1, hashes: recent }), 2000);
    core.advance(2007);
    expect(core.load().usedKvBlocks).toBe(3 + 1 + 1);
    driveToEnd(core);
    expect(before).toBe(0);
    expect(core.load().prefixHitRate).toBeCloseTo((2 * 48) / (50 + 50 + 70 + 50 + 50), 9);
    core.submit(request('e', { isl: 50, maxTokens: 1, hashes: old }), 3000);
    driveToEnd(core);
    expect(core.load().prefixHitRate).toBeCloseTo((2 * 48) / (50 + 50 + 70 + 50 + 50 + 50), 9);
  });

  it('preempts the latest arrival when full, keeps its tokens and recomputes it at once when there is room', () => {
    const core = newCore({ profile: profileWithBlocks(4), maxSequences: 4 });
    core.submit(request('old', { isl: 20, maxTokens: 30 }), 0);
    core.submit(request('new', { isl: 20, maxTokens: 30 }), 0);
    const events = driveToEnd(core);
    expect(core.load().preemptions).toBeGreaterThan(0);
    expect(new Set(events.filter((e) => e.type === 'preempted').map((e) => e.request.id))).toEqual(
      new Set(['new']),
    );
    for (const id of ['old', 'new']) {
      const indices = events.flatMap((e) => (e.type === 'token' && e.request.id === id ? [e.index] : []));
      expect(indices).toEqual(Array.from({ length: 30 }, (_, i) => i));
    }
    // No second front end: prompt and tokens are computed from the moment that the other ends.
    const freedAt = events.find((e) => e.type === 'finished')?.atMs ?? 0;
    const times = tokenTimes(events, 'new');
    const kept = times.findIndex((at) => at > freedAt);
    const n = 20 + kept;
    expect((times[kept] ?? 0) - freedAt).toBeCloseTo(4 + n * 0.02 + n ** 2 * 1e-6, 9);
    expect(core.load().usedKvBlocks).toBe(0);
  });

  it('refuses a request that can never fit and serves the largest that can', () => {
    const core = newCore({ profile: profileWithBlocks(4) });
    expect(() => core.submit(request('big', { isl: 60, maxTokens: 6 }), 0)).toThrow(
      /prompt of 60 and output of 6 tokens need 5 KV blocks .* has 4/,
    );
    core.submit(request('fits', { isl: 60, maxTokens: 5 }), 0);
    expect(tokenTimes(driveToEnd(core), 'fits')).toHaveLength(5);
  });
});

describe('cancel', () => {
  it.each([
    ['just accepted', 5, 0],
    ['waiting', 7, 1],
    ['in prefill', 15, 0],
    ['decoding', 40, 0],
  ])('frees the blocks of a %s request at once', (_name, at, other) => {
    const core = newCore({ maxSequences: 1 });
    if (other) core.submit(request('other', { isl: 16, maxTokens: 1 }), 0);
    const handle = core.submit(request('a', { isl: 1000, maxTokens: 100 }), 0);
    core.advance(at);
    core.cancel(handle, at);
    const used = core.load().usedKvBlocks;
    expect(used).toBe(other ? 1 : 0);
    expect(core.load().waitingPrefillTokens).toBe(other ? 16 : 0);
    expect(driveToEnd(core).filter((event) => event.request.id === 'a')).toEqual([]);
    expect(core.load()).toMatchObject({ usedKvBlocks: 0, runningSequences: 0, waitingSequences: 0 });
    core.cancel(handle, 1e6);
    expect(core.room(100)).toBe(1);
  });

  it('asks for an advance where it brought events of others, though nothing else is to come', () => {
    const core = newCore();
    core.submit(request('a', { isl: 100, maxTokens: 1 }), 0);
    const handle = core.submit(request('b', { isl: 100, maxTokens: 100 }), 1);
    core.advance(1);
    core.cancel(handle, 50);
    expect(core.nextEventAt()).toBe(50);
    expect(core.advance(50).map((event) => event.type)).toContain('finished');
    expect(driveToEnd(core)).toEqual([]);
  });
});

describe('disaggregation', () => {
  it('ends a prefill request after its first token and keeps its KV for the hand-over', () => {
    const core = newCore({ handoverMs: 500 });
    core.submit(request('p', { isl: 1000, maxTokens: 50, phase: 'prefill' }), 0);
    core.advance(40);
    expect(core.load()).toMatchObject({ usedKvBlocks: 63, runningSequences: 0, generatedTokens: 1 });
    core.advance(530);
    expect(core.load().usedKvBlocks).toBe(63);
    core.advance(532);
    expect(core.load().usedKvBlocks).toBe(0);
  });

  it('waits for the hand-over when a kept KV fills the cache', () => {
    const core = newCore({ handoverMs: 500, profile: profileWithBlocks(70) });
    core.submit(request('p', { isl: 1000, maxTokens: 50, phase: 'prefill' }), 0);
    core.submit(request('q', { isl: 1000, maxTokens: 1 }), 0);
    expect(tokenTimes(driveToEnd(core), 'q')[0]).toBeCloseTo(31 + 500 + 25, 6);
  });

  it('lets a kept KV go in its turn, also when advance comes much later', () => {
    const used = (times: number[]) => {
      const core = newCore({ handoverMs: 20, profile: profileWithBlocks(12), tokenEvents: 'ends' });
      const events = [];
      core.submit(request('p', { isl: 64, maxTokens: 1, phase: 'prefill', hashes: [1, 2, 3, 4] }), 0);
      core.submit(request('w', { isl: 16, maxTokens: 150 }), 0);
      for (const at of times) events.push(...core.advance(at));
      core.submit(request('q', { isl: 64, maxTokens: 1, hashes: [1, 2, 3, 4] }), 300);
      events.push(...driveToEnd(core));
      return [tokenTimes(events, 'q')[0]?.toFixed(6), core.load().prefixHitRate];
    };
    expect(used([300])).toEqual(used(Array.from({ length: 600 }, (_, i) => i / 2)));
  });

  it('keeps its books when a decode request that was preempted on arrival is computed again', () => {
    const core = newCore({
      handoverMs: 30,
      profile: profileWithBlocks(12),
      maxBatchedTokens: 32,
      maxSequences: 6,
    });
    core.submit(request('p', { isl: 33, maxTokens: 1, phase: 'prefill' }), 0);
    core.submit(request('q', { isl: 65, maxTokens: 1, phase: 'prefill' }), 0);
    const events = core.advance(14);
    core.submit(request('d', { isl: 64, maxTokens: 2, emitted: 1, phase: 'decode' }), 14);
    events.push(...driveToEnd(core));
    expect(tokenTimes(events, 'd')).toHaveLength(1);
    expect(core.load().usedKvBlocks).toBe(0);
  });

  it('starts a decode request with the front end, then the transfer, 1000 x 100 kB / 40 GB/s = 2.5 ms, then decode steps', () => {
    const core = newCore();
    core.submit(request('d', { isl: 1000, maxTokens: 3, emitted: 1, phase: 'decode' }), 0);
    const events = driveToEnd(core);
    expect(tokenTimes(events, 'd')[0]).toBeCloseTo(6 + 2.5 + 4 + 0.05 + 1000 * 0.00004, 9);
    expect(events.flatMap((event) => (event.type === 'token' ? [event.index] : []))).toEqual([1, 2]);
    expect(core.load().waitingPrefillTokens).toBe(0);
  });
});

describe('resume and cold start', () => {
  it('recomputes prompt and emitted tokens and goes on with the next', () => {
    const core = newCore();
    core.submit(request('r', { isl: 900, maxTokens: 103, emitted: 100 }), 0);
    const events = driveToEnd(core);
    expect(tokenTimes(events, 'r')[0]).toBeCloseTo(1000 * ttftSeconds(roundProfile, 1, 1000), 9);
    expect(events.flatMap((event) => (event.type === 'token' ? [event.index] : []))).toEqual([100, 101, 102]);
  });

  it('serves nothing before the cold start is over', () => {
    const core = newCore({ coldStartMs: 5000 }, false);
    core.submit(request('a', { isl: 1000, maxTokens: 1 }), 0);
    expect(core.state(0)).toBe('cold');
    expect(core.nextEventAt()).toBeNull();
    expect(core.start(100)).toBe(5100);
    expect(core.state(5000)).toBe('starting');
    expect(tokenTimes(driveToEnd(core), 'a')[0]).toBeCloseTo(5131, 6);
    expect(core.state(5131)).toBe('ready');
  });
});
