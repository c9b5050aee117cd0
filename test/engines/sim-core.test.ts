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
    const first = core.nextEventAt() ?? 0;
    core.advance(first);
    const start = core.nextEventAt() ?? 0;
    const began = core.advance(start).find((event) => event.type === 'token')?.atMs ?? 0;
    core.submit(request('p', { isl: 100, maxTokens: 1 }), start);
    const events = driveToEnd(core);
    // The decode step under way ends first, then 63 + 37 prompt tokens, each beside one decode token.
    const d = tokenTimes(events, 'd');
    const oneDecode = (kv: number) => 0.05 + 0.00004 * kv;
    const firstChunk = 10 + 63 * 0.02 + 63 ** 2 * 1e-6 + oneDecode(11);
    const secondChunk = 10 + 37 * 0.02 + (100 ** 2 - 63 ** 2) * 1e-6 + oneDecode(12);
    expect(d[0]).toBeCloseTo(began + 4 + oneDecode(10), 9);
    expect((d[1] ?? 0) - (d[0] ?? 0)).toBeCloseTo(firstChunk, 9);
    expect((d[2] ?? 0) - (d[1] ?? 0)).toBeCloseTo(secondChunk, 9);
    expect(tokenTimes(events, 'p')).toEqual([d[2]]);
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
    core.advance(2000);
    expect(core.load().usedKvBlocks).toBe(3 + 1 + 1);
    driveToEnd(core);
    expect(before).toBe(0);
    expect(core.load().prefixHitRate).toBeCloseTo((2 * 48) / (50 + 50 + 70 + 50 + 50), 9);
    core.submit(request('e', { isl: 50, maxTokens: 1, hashes: old }), 3000);
    driveToEnd(core);
    expect(core.load().prefixHitRate).toBeCloseTo((2 * 48) / (50 + 50 + 70 + 50 + 50 + 50), 9);
  });

  it('preempts the latest arrival when full, keeps its tokens and recomputes it', () => {
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
    ['waiting', 0, 1],
    ['in prefill', 5, 0],
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
    expect(tokenTimes(driveToEnd(core), 'q')[0]).toBeCloseTo(31 + 500 + 31, 6);
  });

  it('starts a decode request with the transfer: 1000 x 100 kB / 40 GB/s = 2.5 ms, then decode steps', () => {
    const core = newCore();
    core.submit(request('d', { isl: 1000, maxTokens: 3, emitted: 1, phase: 'decode' }), 0);
    const events = driveToEnd(core);
    expect(tokenTimes(events, 'd')[0]).toBeCloseTo(2.5 + 4 + 0.05 + 1000 * 0.00004, 9);
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

describe('room', () => {
  it('is limited by free sequences', () => {
    const core = newCore({ maxSequences: 3 });
    expect(core.room(10)).toBe(3);
    core.submit(request('a', { isl: 10, maxTokens: 5 }), 0);
    expect(core.room(10)).toBe(2);
  });

  it('is limited by the KV blocks that accepted requests will not grow into', () => {
    const core = newCore({ profile: profileWithBlocks(20), maxSequences: 64 });
    core.submit(request('a', { isl: 16, maxTokens: 145 }), 0);
    expect(core.room(32)).toBe(5);
    core.advance(11);
    expect(core.load().usedKvBlocks).toBe(2);
    expect(core.room(32)).toBe(5);
  });

  it('counts cached blocks that nobody uses as free', () => {
    const core = newCore({ profile: profileWithBlocks(20), maxSequences: 64 });
    const all = core.room(32);
    core.submit(request('a', { isl: 160, maxTokens: 1, hashes: [1, 2, 3, 4, 5, 6, 7, 8, 9] }), 0);
    driveToEnd(core);
    expect(core.room(32)).toBe(all);
  });

  it('is none once the prompts that wait fill two steps, and comes back as they are computed', () => {
    const core = newCore({ maxBatchedTokens: 1024, maxSequences: 64 });
    for (let i = 0; i < 3; i++) core.submit(request(`r${i}`, { isl: 1000, maxTokens: 2 }), 0);
    expect(core.room(1000)).toBe(0);
    const changes = core.roomChanges;
    core.advance(45);
    expect(core.room(1000)).toBeGreaterThan(0);
    expect(core.roomChanges).toBeGreaterThan(changes);
  });

  it('is one for an idle engine whatever the size, so that a hopeless request is refused and not left waiting', () => {
    expect(newCore({ profile: profileWithBlocks(4) }).room(100_000)).toBe(1);
  });
});
