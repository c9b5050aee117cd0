import { expect } from 'vitest';
import { createEngine } from '../../src/engines/create.js';
import { type Knob, poolKnob, poolOf } from './knob.js';
import { allocate, factsOf, generate, withEngine } from './looks.js';

/** Ready at once. */
const warm = { 'pools.p.engine.cold_start_seconds': 0 };

/** What a worker's engine does, by the fields of its pool. */
export const ENGINES: Knob[] = [
  poolKnob('tensor_parallelism.decode', {
    says: 'a decode worker leases two GPUs and makes a token sooner',
    given: warm,
    to: 2,
    see: async (config) => {
      const gpus = allocate(config, 'p', { decode: 1 }).start.map((lease) => lease.gpus.length);
      return { gpus, ...(await withEngine(config, (engine) => generate(engine, 100, 10))) };
    },
    show: (before, after) => {
      expect([before.gpus, after.gpus]).toEqual([[1], [2]]);
      expect(after.spanMs).toBeLessThan(before.spanMs);
    },
  }),
  poolKnob('gpu_memory_utilization', {
    says: 'an engine with less memory has fewer KV blocks',
    given: warm,
    to: 0.45,
    see: (config) => withEngine(config, (engine) => engine.load().totalKvBlocks),
    show: (before, after) => expect(after).toBeLessThan(before / 2),
  }),
  poolKnob('engine.kind', {
    says: 'a noop engine holds 100 requests and is never short; a simulated one holds 256 and is',
    given: { 'pools.p.engine': { kind: 'sim' } },
    to: 'noop',
    see: (config) => ({
      sequences: createEngine(poolOf(config), 'vllm').load().maxSequences,
      rps: factsOf(config).rps.decode,
    }),
    show: (before, after) => {
      expect(before.sequences).toBe(256);
      expect(before.rps).toBeLessThan(100);
      expect(after).toEqual({ sequences: 100, rps: 10_000 });
    },
  }),
  poolKnob('engine.profile', {
    says: 'an engine of a GPU half as fast takes twice as long for a token',
    given: warm,
    to: new URL('./slow-gpu.json', import.meta.url).pathname,
    see: async (config) => (await withEngine(config, (engine) => generate(engine, 100, 11))).spanMs,
    show: (before, after) => expect(after / before).toBeCloseTo(2, 2),
  }),
  poolKnob('engine.cold_start_seconds', {
    says: 'an engine without a cold start is ready at once; one of 8 s is not after a moment',
    to: 0,
    see: async (config) => {
      const giveUp = new AbortController();
      const started = createEngine(poolOf(config), 'vllm').start(giveUp.signal);
      const ready = started.then(
        () => 'ready',
        () => 'given up',
      );
      const late = new Promise<string>((resolve) => setTimeout(() => resolve('starting'), 500));
      const state = await Promise.race([ready, late]);
      giveUp.abort();
      await ready;
      return state;
    },
    show: (before, after) => expect([before, after]).toEqual(['starting', 'ready']),
  }),
  poolKnob('engine.max_sequences', {
    says: 'a worker takes so many short requests at once',
    given: warm,
    to: 10,
    see: (config) => withEngine(config, (engine) => engine.room(16)),
    show: (before, after) => expect([before, after]).toEqual([256, 10]),
  }),
  poolKnob('engine.max_batched_tokens', {
    says: 'prompts that fill two steps are all that a worker takes at once: of 1,024 tokens four, then eight',
    given: warm,
    to: 4096,
    see: (config) => withEngine(config, (engine) => engine.room(1024)),
    show: (before, after) => expect([before, after]).toEqual([4, 8]),
  }),
  poolKnob('engine.prefix_cache', {
    says: 'the second of two equal prompts is found in the cache, or not',
    given: warm,
    to: false,
    see: (config) =>
      withEngine(config, async (engine) => {
        for (let i = 0; i < 2; i++) await generate(engine, 320, 2);
        return engine.load().prefixHitRate;
      }),
    show: (before, after) => {
      expect(before).toBeGreaterThan(0.4);
      expect(after).toBe(0);
    },
  }),
  poolKnob('engine.seed', {
    says: 'another seed, another text; the same seed, the same text',
    given: warm,
    to: 2,
    see: async (config) => {
      const texts = [];
      for (let i = 0; i < 2; i++)
        texts.push((await withEngine(config, (engine) => generate(engine, 50, 8))).tokens.join(''));
      expect(texts[0]).toBe(texts[1]);
      return texts[0];
    },
    show: (before, after) => expect(after).not.toBe(before),
  }),
];
