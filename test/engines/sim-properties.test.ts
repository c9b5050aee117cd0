import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SimHandle } from '../../src/engines/sim/sequence.js';
import type { SimEvent, SimOptions } from '../../src/engines/sim/types.js';
import { profileWithBlocks } from '../support/profiles.js';
import { driveToEnd, type NamedRequest, newCore, request } from '../support/sim.js';

/** Requests of a few blocks each in a cache of 12 blocks: preemption and eviction are the rule. */
const BLOCKS = 12;
const arbitraryRequest = fc
  .record({
    isl: fc.integer({ min: 1, max: 100 }),
    output: fc.integer({ min: 1, max: 60 }),
    emitted: fc.integer({ min: 0, max: 30 }),
    phase: fc.constantFrom('whole', 'whole', 'whole', 'prefill', 'decode'),
    prefix: fc.integer({ min: 0, max: 2 }),
    atMs: fc.integer({ min: 0, max: 400 }),
    cancelAfterMs: fc.option(fc.integer({ min: 0, max: 200 }), { freq: 5 }),
  })
  .map(({ output, emitted, phase, ...rest }) => {
    const before = phase === 'decode' ? Math.max(1, emitted % 3) : phase === 'prefill' ? 0 : emitted;
    return { ...rest, phase: phase as NamedRequest['phase'], emitted: before, maxTokens: before + output };
  });
const arbitraryLoad = fc.array(arbitraryRequest, { minLength: 1, maxLength: 25 });
type Load = typeof arbitraryLoad extends fc.Arbitrary<infer T> ? T : never;

interface Outcome {
  events: SimEvent<NamedRequest>[];
  core: ReturnType<typeof newCore>;
  accepted: NamedRequest[];
  cancelled: Set<string>;
  refused: number;
}

function play(load: Load, options: Partial<SimOptions> = {}): Outcome {
  const core = newCore({
    profile: profileWithBlocks(BLOCKS),
    maxSequences: 6,
    maxBatchedTokens: 32,
    handoverMs: 30,
    ...options,
  });
  const handles = new Map<string, SimHandle<NamedRequest>>();
  const out: Outcome = { events: [], core, accepted: [], cancelled: new Set(), refused: 0 };
  const actions = load.flatMap((spec, i) => {
    const hashes = Array.from({ length: Math.floor(spec.isl / 16) }, (_, k) => spec.prefix * 1000 + k + 1);
    const named = request(`r${i}`, { ...spec, hashes: spec.prefix === 0 ? [] : hashes });
    const submit = { at: spec.atMs, run: () => handles.set(named.id, core.submit(named, spec.atMs)), named };
    if (spec.cancelAfterMs === null) return [submit];
    const at = spec.atMs + spec.cancelAfterMs;
    return [submit, { at, run: () => cancel(named.id, at), named: null }];
  });
  function cancel(id: string, at: number) {
    const handle = handles.get(id);
    if (!handle) return;
    core.cancel(handle, at);
    out.cancelled.add(id);
  }
  for (const action of actions.sort((a, b) => a.at - b.at)) {
    out.events.push(...core.advance(action.at - 0.25));
    try {
      action.run();
      if (action.named) out.accepted.push(action.named);
    } catch {
      out.refused++;
    }
    const { usedKvBlocks, runningSequences } = core.load();
    expect(usedKvBlocks).toBeGreaterThanOrEqual(0);
    expect(usedKvBlocks).toBeLessThanOrEqual(core.load().totalKvBlocks);
    expect(runningSequences).toBeLessThanOrEqual(6);
  }
  out.events.push(...driveToEnd(core));
  return out;
}

function expectedTokens(one: NamedRequest): number[] {
  const until = one.phase === 'prefill' ? 1 : one.maxTokens;
  return Array.from({ length: until - one.emitted }, (_, i) => one.emitted + i);
}

describe('the sim core under any load', () => {
  it('gives every request each of its tokens once and in order, ends it once, and frees every block', () => {
    let preemptions = 0;
    let hits = 0;
    fc.assert(
      fc.property(arbitraryLoad, (load) => {
        const { events, core, accepted, cancelled } = play(load);
        for (const one of accepted) {
          const own = events.filter((event) => event.request === one);
          const tokens = own.flatMap((event) => (event.type === 'token' ? [event.index] : []));
          const ends = own.filter((event) => event.type === 'finished').length;
          if (cancelled.has(one.id)) expect(tokens).toEqual(expectedTokens(one).slice(0, tokens.length));
          else {
            expect(tokens).toEqual(expectedTokens(one));
            expect(ends).toBe(1);
            expect(own.at(-1)?.type).toBe('finished');
          }
          expect(ends).toBeLessThanOrEqual(1);
        }
        const times = events.map((event) => event.atMs);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(core.load()).toMatchObject({
          usedKvBlocks: 0,
          runningSequences: 0,
          waitingSequences: 0,
          waitingPrefillTokens: 0,
        });
        expect(core.room(BLOCKS * 16)).toBe(1);
        preemptions += core.load().preemptions;
        hits += core.load().prefixHitRate ?? 0;
      }),
      { numRuns: 400 },
    );
    expect(preemptions).toBeGreaterThan(0);
    expect(hits).toBeGreaterThan(0);
  });

  it('is deterministic', () => {
    fc.assert(
      fc.property(arbitraryLoad, (load) => {
        const flat = (outcome: Outcome) => outcome.events.map((e) => [e.type, e.request.id, e.atMs]);
        expect(flat(play(load))).toEqual(flat(play(load)));
      }),
      { numRuns: 50 },
    );
  });

  it('says the same with every token reported and with runs of decode steps jumped over', () => {
    fc.assert(
      fc.property(arbitraryLoad, fc.constantFrom(BLOCKS, 400), (load, blocks) => {
        const profile = profileWithBlocks(blocks);
        const each = play(load, { profile });
        const ends = play(load, { profile, tokenEvents: 'ends' });
        const pick = (outcome: Outcome, type: string) =>
          outcome.events
            .filter((event) => event.type === type)
            .map((event) => ({ id: event.request.id, atMs: event.atMs }));
        for (const type of ['finished', 'preempted']) {
          const a = pick(each, type);
          const b = pick(ends, type);
          const byId = (x: { id: string; atMs: number }, y: { id: string; atMs: number }) =>
            x.id < y.id ? -1 : x.id > y.id ? 1 : x.atMs - y.atMs;
          a.sort(byId);
          b.sort(byId);
          expect(b.map((event) => event.id)).toEqual(a.map((event) => event.id));
          for (const [i, event] of b.entries()) expect(event.atMs).toBeCloseTo(a[i]?.atMs ?? Number.NaN, 6);
        }
        expect(ends.core.load()).toEqual(each.core.load());
      }),
      { numRuns: 300 },
    );
  });

  it('reports first tokens at the same times when it jumps', () => {
    const firsts = (tokenEvents: 'each' | 'ends') => {
      const core = newCore({ tokenEvents });
      const events: SimEvent<NamedRequest>[] = [];
      for (let i = 0; i < 20; i++) {
        core.submit(request(`r${i}`, { isl: 200 + i, maxTokens: 40 }), i * 37);
        events.push(...core.advance(i * 37));
      }
      events.push(...driveToEnd(core));
      return events.flatMap((e) =>
        e.type === 'token' && e.index === 0 ? [[e.request.id, e.atMs.toFixed(6)]] : [],
      );
    };
    expect(firsts('ends')).toEqual(firsts('each'));
  });
});
