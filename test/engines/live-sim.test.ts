import { afterEach, describe, expect, it } from 'vitest';
import type { PoolConfig } from '../../src/config/types.js';
import { createEngine } from '../../src/engines/create.js';
import type { Engine, EngineRequest } from '../../src/engines/engine.js';
import { createNoopEngine } from '../../src/engines/noop.js';
import { createSimEngine } from '../../src/engines/sim/live.js';
import { wallClock } from '../../src/engines/sim/wall-clock.js';
import { profileWithBlocks, roundProfile } from '../support/profiles.js';

const engines: Engine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop();
});

const SIM: Extract<PoolConfig['engine'], { kind: 'sim' }> = {
  kind: 'sim',
  profile: 'llama-3.1-8b-fp8-h100',
  coldStartSeconds: 0,
  maxSequences: 64,
  maxBatchedTokens: 4096,
  prefixCache: true,
  seed: 7,
};

async function started(profile = roundProfile): Promise<Engine> {
  const engine = createSimEngine({ profile, tp: 1, gpuMemoryUtilization: 0.9, engine: SIM });
  engines.push(engine);
  await engine.start(new AbortController().signal);
  return engine;
}

function ask(id: string, fields: Partial<EngineRequest> = {}): EngineRequest {
  return { id, prompt: 'tell me a tale', isl: 50, maxTokens: 12, emitted: [], phase: 'whole', ...fields };
}

async function collect(engine: Engine, request: EngineRequest, signal = new AbortController().signal) {
  const tokens: string[] = [];
  const atMs: number[] = [];
  for await (const batch of engine.generate(request, signal)) {
    expect(batch.tokens.length).toBe(batch.atMs.length);
    tokens.push(...batch.tokens);
    atMs.push(...batch.atMs);
  }
  return { tokens, atMs };
}

describe('the live sim engine', () => {
  it('streams every token of many requests in order, with times that rise', async () => {
    const engine = await started();
    const before = Date.now();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => collect(engine, ask(`r${i}`, { maxTokens: 5 + i }))),
    );
    answers.forEach(({ tokens, atMs }, i) => {
      expect(tokens).toHaveLength(5 + i);
      expect(atMs.every((at, k) => k === 0 || at > (atMs[k - 1] ?? 0))).toBe(true);
      expect(atMs[0]).toBeGreaterThanOrEqual(before);
      expect(atMs.at(-1)).toBeLessThanOrEqual(Date.now());
    });
    expect(engine.load()).toMatchObject({ runningSequences: 0, usedKvBlocks: 0 });
  });

  it('yields the same text when a request is resumed in the middle', async () => {
    const whole = await collect(await started(), ask('same', { maxTokens: 20 }));
    const emitted = whole.tokens.slice(0, 8);
    const rest = await collect(await started(), ask('same', { maxTokens: 20, emitted }));
    expect([...emitted, ...rest.tokens]).toEqual(whole.tokens);
    const other = await collect(await started(), ask('other', { maxTokens: 20 }));
    expect(other.tokens).not.toEqual(whole.tokens);
  });

  it('yields nothing when all tokens were emitted before', async () => {
    const engine = await started();
    expect((await collect(engine, ask('full', { maxTokens: 2, emitted: ['a', ' b'] }))).tokens).toEqual([]);
  });

  it("ends with the signal's reason on abort and frees everything at once", async () => {
    const engine = await started();
    const abort = new AbortController();
    const running = collect(engine, ask('a', { maxTokens: 100_000 }), abort.signal);
    const iterator = engine.generate(ask('b', { maxTokens: 1000 }), new AbortController().signal);
    for await (const _ of iterator) break;
    expect(engine.load().runningSequences + engine.load().waitingSequences).toBe(1);
    abort.abort(new Error('enough'));
    expect(engine.load()).toMatchObject({ runningSequences: 0, waitingSequences: 0, usedKvBlocks: 0 });
    await expect(running).rejects.toThrow('enough');
    await expect(collect(engine, ask('c'), abort.signal)).rejects.toThrow('enough');
  });

  it('refuses what can never fit, and anything before its start and after its stop', async () => {
    const engine = await started(profileWithBlocks(4));
    await expect(collect(engine, ask('big', { isl: 100 }))).rejects.toMatchObject({
      code: 'prompt_too_long',
    });
    const running = collect(engine, ask('cut', { maxTokens: 14 }));
    await engine.stop();
    await expect(running).rejects.toMatchObject({ code: 'engine_failed' });
    await expect(collect(engine, ask('late'))).rejects.toMatchObject({ code: 'engine_failed' });
    expect(engine.room(10)).toBe(0);
  });

  it('is in no way ready during its cold start, which can be aborted', async () => {
    const engine = createSimEngine({
      profile: roundProfile,
      tp: 1,
      gpuMemoryUtilization: 0.9,
      engine: { ...SIM, coldStartSeconds: 3600 },
    });
    const abort = new AbortController();
    const starting = engine.start(abort.signal);
    expect(engine.room(10)).toBe(0);
    abort.abort(new Error('no longer needed'));
    await expect(starting).rejects.toThrow('no longer needed');
  });

  it('tells its listeners when prompts that waited have been computed', async () => {
    const engine = await started();
    let calls = 0;
    engine.onRoom(() => calls++);
    await collect(engine, ask('a', { isl: 3000, maxTokens: 2 }));
    expect(calls).toBeGreaterThan(0);
  });

  it('finds shared prompt beginnings in its prefix cache', async () => {
    const engine = await started();
    const prompt = 'once upon a time there was a king '.repeat(20);
    await collect(engine, ask('a', { prompt: `${prompt}one`, isl: 180 }));
    await collect(engine, ask('b', { prompt: `${prompt}two`, isl: 180 }));
    expect(engine.load().prefixHitRate).toBeGreaterThan(0.4);
  });
});

describe('createEngine', () => {
  const pool = (engine: PoolConfig['engine'], tp: number | 'auto', utilisation = 0.9): PoolConfig => ({
    name: 'p',
    level: 'high',
    model: 'm',
    priority: 1,
    description: 'd',
    tensorParallelism: { prefill: tp, decode: tp },
    gpuBudget: { guaranteed: 4, ceiling: 4 },
    maxWorkers: 2,
    minWorkers: 0,
    gpuMemoryUtilization: utilisation,
    scaleUpThreshold: { prefillQueue: 0.5, decodeKv: 0.5 },
    scaling: { aggressiveness: 'balanced', lookAhead: 'moderate' },
    burstProtection: false,
    costOptimization: false,
    advisory: false,
    performanceBuffer: 0.8,
    latencyPercentile: 95,
    violationsAllowed: 0.05,
    loadPredictor: 'constant',
    targets: { ttftSeconds: 0.3, itlSeconds: 0.03 },
    expected: { isl: 2000, osl: 150 },
    disaggregation: { enabled: false, minPromptTokens: 512, prefillWorkers: 1 },
    queueTimeoutSeconds: null,
    overload: { policy: 'late', lateBoundSeconds: 60 },
    admission: { policy: 'predict', waitingRoom: 1000 },
    idleAfterSeconds: 60,
    burstCalmSeconds: 30,
    engine,
  });

  it('makes a sim engine whose KV cache follows TP and memory utilisation', () => {
    const blocks = (tp: number | 'auto', utilisation?: number) =>
      createEngine(pool(SIM, tp, utilisation), 'vllm').load().totalKvBlocks;
    expect(blocks(2)).toBeGreaterThan(2 * blocks(1));
    expect(blocks(1, 0.95)).toBeGreaterThan(blocks(1, 0.85));
    expect(blocks('auto')).toBe(blocks(1));
  });

  it('says what the profile lacks', () => {
    expect(() => createEngine(pool(SIM, 3), 'vllm')).toThrow(/tensor parallelism .* got 3/);
    expect(() => createEngine(pool({ ...SIM, profile: 'none' }, 1), 'vllm')).toThrow(/none\.json/);
  });

  it('makes a no-op engine that answers with one token at once', async () => {
    const engine = createEngine(pool({ kind: 'noop' }, 'auto'), 'prefill');
    expect((await collect(engine, ask('a'))).tokens).toHaveLength(1);
    expect((await collect(engine, ask('a', { emitted: ['ok'] }))).tokens).toHaveLength(0);
    expect(engine.load().generatedTokens).toBe(1);
    await expect(collect(createNoopEngine(), ask('b'), AbortSignal.abort(new Error('no')))).rejects.toThrow(
      'no',
    );
  });
});

describe('the wall clock', () => {
  it('never goes back and keeps moving after the system clock was set back', () => {
    const readings = [100, 105, 50, 52, 60];
    const clock = wallClock(() => readings.shift() ?? 0);
    expect([clock(), clock(), clock(), clock(), clock()]).toEqual([100, 105, 105, 107, 115]);
  });
});
