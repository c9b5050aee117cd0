import { afterEach, describe, expect, it } from 'vitest';
import { endOf, textOf, writeToken } from '../../../src/contract/openai.js';
import type { OpenaiEngine } from '../../../src/engines/openai/engine.js';
import { NO_FAULTS } from '../../../src/engines/sim-server/faults.js';
import { asked, openaiEngine, tokensOf } from '../../support/openai-engine.js';
import { until } from '../../support/pool.js';
import { expectedTokens } from '../../support/requests.js';
import { simServer } from '../../support/sim-server.js';

const open: { close?(): Promise<void>; stop?(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await (each.stop?.() ?? each.close?.());
});

async function sim(options: Parameters<typeof simServer>[0] = {}) {
  const server = await simServer(options);
  open.push(server);
  return server;
}

async function engineOn(...args: Parameters<typeof openaiEngine>): Promise<OpenaiEngine> {
  const engine = await openaiEngine(...args);
  open.push(engine);
  return engine;
}

const chat = {
  openai: { endpoint: 'chat', body: { messages: [{ role: 'user', content: 'why is it so' }] } },
};

describe('the openai engine on a sim engine server', () => {
  it('gives each token and what the engine says of the end', async () => {
    const { url } = await sim();
    const engine = await engineOn([url]);
    for (const params of [undefined, chat]) {
      const tokens = await tokensOf(engine, asked('a', 20, { params }));
      expect(tokens.slice(0, -1)).toEqual(expectedTokens('a', 20));
      expect(endOf(tokens)).toMatchObject({
        finishReason: 'length',
        usage: { promptTokens: params === undefined ? 4 : 5, completionTokens: 20 },
      });
    }
  });

  it('goes on after what was emitted, as the same text', async () => {
    const { url } = await sim();
    const engine = await engineOn([url]);
    const whole = expectedTokens('b', 12);
    for (const params of [undefined, chat]) {
      const tokens = await tokensOf(engine, asked('b', 12, { params, emitted: whole.slice(0, 5) }));
      expect(tokens.slice(0, -1)).toEqual(whole.slice(5));
      expect(endOf(tokens)?.usage).toEqual({
        promptTokens: params === undefined ? 4 : 5,
        completionTokens: 12,
      });
    }
    expect(await tokensOf(engine, asked('b', 12, { emitted: whole }))).toHaveLength(1);
  });

  it('survives cut streams and errors without losing or doubling a token', async () => {
    const server = await sim({ faults: { ...NO_FAULTS, cutRate: 0.4, errorRate: 0.1 } });
    const engine = await engineOn([server.url], { retries: 10 });
    const ids = Array.from({ length: 20 }, (_, i) => `cut-${i}`);
    const all = await Promise.all(ids.map((id) => tokensOf(engine, asked(id, 40, { params: chat }))));
    expect(all.map(textOf)).toEqual(ids.map((id) => expectedTokens(id, 40).join('')));
  });

  it('spreads requests over its servers, and does without one that dies', async () => {
    const [one, two] = [await sim(), await sim()];
    const engine = await engineOn([one.url, two.url], { retries: 5 });
    const run = (name: string) =>
      Promise.all(Array.from({ length: 16 }, (_, i) => tokensOf(engine, asked(`${name}${i}`, 30))));
    const first = run('s');
    await until(
      () => one.engine.load().generatedTokens > 0 && two.engine.load().generatedTokens > 0,
      'both work',
    );
    await two.close();
    const texts = await first;
    const expected = (name: string) =>
      Array.from({ length: 16 }, (_, i) => expectedTokens(`${name}${i}`, 30).join(''));
    expect(texts.map(textOf)).toEqual(expected('s'));
    expect((await run('t')).map(textOf)).toEqual(expected('t'));
  });

  it('frees the engine of a request that is aborted, and of one whose consumer leaves', async () => {
    const server = await sim({ faults: { ...NO_FAULTS, slow: 20 } });
    const engine = await engineOn([server.url]);
    const stop = new AbortController();
    const aborted = tokensOf(engine, asked('x', 5000), stop.signal);
    const left = (async () => {
      for await (const _ of engine.generate(asked('y', 5000), new AbortController().signal)) break;
    })();
    await left;
    await until(() => server.engine.load().generatedTokens > 0, 'tokens');
    stop.abort(new Error('cancel'));
    await expect(aborted).rejects.toThrow('cancel');
    await until(() => server.engine.load().runningSequences === 0, 'both are freed');
  });

  it('knows the load and the room of an engine that others use too', async () => {
    const server = await sim({ engine: { maxSequences: 10 }, faults: { ...NO_FAULTS, slow: 5 } });
    const engine = await engineOn([server.url], { maxSequences: 10 });
    expect(engine.room(100)).toBe(10);
    const stop = new AbortController();
    const others = Array.from({ length: 4 }, () =>
      fetch(`${server.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ prompt: 'word '.repeat(160), max_tokens: 5000, stream: true }),
        signal: stop.signal,
      }),
    );
    await Promise.all(others);
    await until(() => engine.load().runningSequences === 4, 'the others show');
    expect(engine.room(100)).toBe(6);
    expect(engine.load()).toMatchObject({
      maxSequences: 10,
      totalKvBlocks: server.engine.load().totalKvBlocks,
    });
    // Three of four equal prompts were found in the cache, but for the last block of each.
    expect(engine.load().prefixHitRate).toBeGreaterThan(0.5);
    stop.abort();
    await until(() => engine.room(100) === 10, 'the others left');
  });

  it("hands a prompt's KV from a prefill to a decode engine, and computes it anew where it is gone", async () => {
    const [p, d] = [await sim(), await sim()];
    const [prefill, decode] = [await engineOn([p.url]), await engineOn([d.url], { retries: 1 })];
    const request = asked('kv', 8, { params: chat, isl: 5 });
    let transfer: Record<string, unknown> | undefined;
    const half = { ...request, phase: 'prefill' as const };
    for await (const batch of prefill.generate(half, new AbortController().signal)) {
      expect(batch.tokens).toEqual([]);
      transfer = batch.transfer;
    }
    expect(transfer).toMatchObject({ do_remote_prefill: true, remote_port: p.port });
    const rest = { ...request, phase: 'decode' as const, transfer };
    expect(textOf(await tokensOf(decode, rest))).toBe(expectedTokens('kv', 8).join(''));
    expect(d.metrics.transfers.fetched).toBe(1);
    // Its KV was given away: the second time there is none.
    expect(textOf(await tokensOf(decode, rest))).toBe(expectedTokens('kv', 8).join(''));
    expect(d.metrics.transfers).toMatchObject({ fetched: 1, failed: 1 });
    // Many that have lost it at once (their prefill engine died) do not count against the engine that serves them.
    const conditions: string[] = [];
    decode.onCondition((condition) => conditions.push(condition));
    const lost = await Promise.all(Array.from({ length: 12 }, () => tokensOf(decode, rest)));
    expect(lost.map(textOf)).toEqual(lost.map(() => expectedTokens('kv', 8).join('')));
    expect(d.metrics.transfers).toMatchObject({ fetched: 1, failed: 13 });
    expect(conditions).toEqual([]);
  });

  it('passes tools on, and their calls back', async () => {
    const { url } = await sim();
    const engine = await engineOn([url]);
    const body = {
      ...chat.openai.body,
      tools: [{ type: 'function', function: { name: 'sky' } }],
      tool_choice: 'required',
    };
    const request = asked('t', 6, { params: { openai: { endpoint: 'chat', body } } });
    const tokens = await tokensOf(engine, request);
    expect(tokens).toHaveLength(7);
    expect(endOf(tokens)?.finishReason).toBe('tool_calls');
    // A call that was begun comes again only where it comes out the same.
    const lost = { ...request, emitted: tokens.slice(0, 2) };
    await expect(tokensOf(engine, lost)).rejects.toMatchObject({ code: 'cannot_continue' });
    const seeded = { openai: { endpoint: 'chat', body: { ...body, seed: 1 } } };
    const again = await tokensOf(engine, { ...lost, params: seeded });
    expect(again.slice(0, -1)).toEqual(tokens.slice(2, -1));
    const other = [tokens[0]!, writeToken({ delta: { tool_calls: [] } })];
    await expect(tokensOf(engine, { ...lost, emitted: other, params: seeded })).rejects.toMatchObject({
      code: 'cannot_continue',
    });
  });
});
