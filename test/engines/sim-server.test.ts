import { afterEach, describe, expect, it } from 'vitest';
import { attemptId, readAttemptId } from '../../src/engines/attempt-id.js';
import { NO_FAULTS } from '../../src/engines/sim-server/faults.js';
import type { SimServer } from '../../src/engines/sim-server/server.js';
import { until } from '../support/pool.js';
import { expectedTokens } from '../support/requests.js';
import { post, simServer } from '../support/sim-server.js';

const open: SimServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function start(options: Parameters<typeof simServer>[0] = {}): Promise<SimServer> {
  const server = await simServer(options);
  open.push(server);
  return server;
}

const user = (content: string) => ({ role: 'user', content });
const named = (id: string) => ({ 'x-request-id': id });

describe('the sim engine over HTTP', () => {
  it('answers 503 until its cold start is over', async () => {
    const cold = await start({ engine: { coldStartSeconds: 600 } });
    expect((await fetch(`${cold.url}/health`)).status).toBe(503);
    expect((await post(`${cold.url}/v1/completions`, { prompt: 'x' })).status).toBe(503);
    const soon = await start({ engine: { coldStartSeconds: 0.1 } });
    await soon.ready;
    expect((await fetch(`${soon.url}/health`)).status).toBe(200);
  });

  it('gives the same text whole and streamed, with usage and [DONE]', async () => {
    const { url } = await start();
    const body = { model: 'm', messages: [user('why is it so')], max_tokens: 5 };
    const whole = await post(`${url}/v1/chat/completions`, body, named('a'));
    expect(whole.json.choices[0]).toMatchObject({
      message: { role: 'assistant', content: expectedTokens('a', 5).join('') },
      finish_reason: 'length',
    });
    const streamed = await post(
      `${url}/v1/chat/completions`,
      { ...body, stream: true, stream_options: { include_usage: true } },
      named('a'),
    );
    const chunks = streamed.events;
    expect(streamed.done).toBe(true);
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    const texts = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta?.content));
    expect(texts.join('')).toBe(expectedTokens('a', 5).join(''));
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('length');
    // user why is it so: 5 words of at most four letters
    expect(chunks.at(-1)?.usage).toEqual({ prompt_tokens: 5, completion_tokens: 5, total_tokens: 10 });
  });

  it('goes on after what a last message or an attempt name says was emitted', async () => {
    const { url } = await start();
    const [one, two, ...rest] = expectedTokens('c', 6);
    const chat = await post(
      `${url}/v1/chat/completions`,
      {
        messages: [user('go'), { role: 'assistant', content: `${one}${two}` }],
        max_tokens: 4,
        continue_final_message: true,
        add_generation_prompt: false,
      },
      named(attemptId('c', 2, 'x')),
    );
    expect(chat.json.choices[0]?.message?.content).toBe(rest.join(''));
    expect(chat.json.usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 4 });
    const plain = await post(
      `${url}/v1/completions`,
      { prompt: `go ${one}${two}`, max_tokens: 4 },
      named(attemptId('c', 2, 'y')),
    );
    expect(plain.json.choices[0]?.text).toBe(rest.join(''));
    expect(readAttemptId('plain-id')).toEqual({ id: 'plain-id', emitted: 0 });
  });

  it('takes a prompt as a text, as ids, or as a list of one of them', async () => {
    const { url } = await start();
    const tokens = async (prompt: unknown) =>
      (await post(`${url}/v1/completions`, { prompt, max_tokens: 1 })).json.usage?.prompt_tokens;
    for (const prompt of ['why is it', ['why is it'], [1, 22222, 3], [[1, 22222, 3]]])
      expect([prompt, await tokens(prompt)]).toEqual([prompt, 3]);
    for (const prompt of [[], [[]], ['a', 'b'], [[1], [2]], [1.5], ['a', 1]])
      expect((await post(`${url}/v1/completions`, { prompt })).status).toBe(400);
  });

  it('tells log probabilities in the shape of the endpoint, whole and streamed', async () => {
    const { url } = await start();
    const words = expectedTokens('l', 3);
    const body = { prompt: 'x', max_tokens: 3, logprobs: 1 };
    const { json } = await post(`${url}/v1/completions`, body, named('l'));
    const offsets = words.map((_, i) => words.slice(0, i).join('').length);
    expect(json.choices[0]).toMatchObject({
      logprobs: {
        tokens: words,
        token_logprobs: [-1, -1, -1],
        top_logprobs: words.map((word) => ({ [word]: -1 })),
        text_offset: offsets,
      },
    });
    const { events } = await post(`${url}/v1/completions`, { ...body, stream: true }, named('l'));
    expect(events.slice(0, 3).map(({ choices }) => choices[0])).toMatchObject(
      words.map((word, i) => ({ text: word, logprobs: { tokens: [word], text_offset: [offsets[i]] } })),
    );
    const chat = { messages: [user('x')], max_tokens: 1, logprobs: true };
    expect((await post(`${url}/v1/chat/completions`, chat)).json.choices[0]).toMatchObject({
      logprobs: { content: [{ logprob: -1 }] },
    });
  });

  it('stops before a stop string', async () => {
    const { url } = await start();
    const words = expectedTokens('s', 8);
    const stop = words[3]!.trim();
    const { json } = await post(`${url}/v1/completions`, { prompt: 'x', max_tokens: 8, stop }, named('s'));
    const at = words.join('').indexOf(stop);
    expect(json.choices[0]).toMatchObject({
      text: words.join('').slice(0, at),
      finish_reason: 'stop',
      stop_reason: stop,
    });
  });

  it('calls the tool that it must call, its arguments valid JSON however they are cut', async () => {
    const { url } = await start();
    const tools = [{ type: 'function', function: { name: 'sky' } }];
    const body = { messages: [user('x')], max_tokens: 4, tools, tool_choice: 'required' };
    const { json } = await post(`${url}/v1/chat/completions`, body);
    const [call] = json.choices[0]?.message?.tool_calls ?? [];
    expect(call?.function.name).toBe('sky');
    expect(JSON.parse(call?.function.arguments ?? '').text.split(' ')).toHaveLength(4);
    expect(json.choices[0]?.finish_reason).toBe('tool_calls');
    const { events } = await post(`${url}/v1/chat/completions`, { ...body, stream: true });
    const parts = events.flatMap((event) => event.choices[0]?.delta?.tool_calls ?? []);
    expect(JSON.parse(parts.map((part) => part.function.arguments).join(''))).toHaveProperty('text');
  });

  it('frees what a client that goes away had', async () => {
    const { url, engine } = await start({ faults: { ...NO_FAULTS, slow: 50 } });
    const gone = new AbortController();
    const body = JSON.stringify({ prompt: 'x', max_tokens: 5000, stream: true });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/v1/completions`, {
      method: 'POST',
      body,
      headers,
      signal: gone.signal,
    });
    await until(() => engine.load().runningSequences === 1, 'it runs');
    gone.abort();
    await until(() => engine.load().runningSequences === 0, 'it is freed');
    await answer.text().catch(() => {});
    expect(engine.load().usedKvBlocks).toBe(0);
  });

  it("shows its load under vLLM's names", async () => {
    const { url } = await start();
    const prompt = 'word '.repeat(64);
    for (let i = 0; i < 2; i++) await post(`${url}/v1/completions`, { prompt, max_tokens: 3 });
    const text = await (await fetch(`${url}/metrics`)).text();
    const value = (name: string) => Number(new RegExp(`^${name}\\{.*\\} (.*)$`, 'm').exec(text)?.[1]);
    expect(value('vllm:num_requests_running')).toBe(0);
    expect(value('vllm:num_requests_waiting')).toBe(0);
    expect(value('vllm:kv_cache_usage_perc')).toBe(0);
    expect(value('vllm:prefix_cache_queries_total')).toBe(128);
    // All blocks of 16 but the last, which leaves a token to compute.
    expect(value('vllm:prefix_cache_hits_total')).toBe(48);
    expect(value('vllm:generation_tokens_total')).toBe(6);
    expect(value('vllm:time_to_first_token_seconds_count')).toBe(2);
    expect(value('vllm:inter_token_latency_seconds_count')).toBe(4);
  });

  it('moves KV from a prefill to a decode engine, once', async () => {
    const [prefill, decode] = [await start(), await start()];
    const prompt = 'word '.repeat(100);
    const half = { prompt, max_tokens: 1, kv_transfer_params: { do_remote_decode: true } };
    const first = await post(`${prefill.url}/v1/completions`, half, named('k'));
    const { kv_transfer_params } = first.json;
    expect(kv_transfer_params).toMatchObject({ do_remote_prefill: true, remote_port: prefill.port });
    expect(kv_transfer_params?.remote_block_ids).toHaveLength(7);
    const rest = { prompt, max_tokens: 4, kv_transfer_params };
    const second = await post(`${decode.url}/v1/completions`, rest, named('k'));
    expect(second.json.choices[0]?.text).toBe(expectedTokens('k', 4).join(''));
    expect([prefill.metrics.transfers, decode.metrics.transfers]).toMatchObject([
      { kept: 1, given: 1 },
      { fetched: 1, failed: 0 },
    ]);
    // Nothing was prefilled by the decode engine.
    expect(decode.engine.prefixTokens.queries).toBe(0);
    await until(() => prefill.engine.load().usedKvBlocks === 0, 'the KV is let go');
    expect((await post(`${decode.url}/v1/completions`, rest, named('k2'))).status).toBe(500);
  });

  it('misbehaves as it is told, by seed', async () => {
    const { url, dice } = await start();
    const tell = (faults: object) => post(`${url}/sim/faults`, faults);
    const ask = () => post(`${url}/v1/completions`, { prompt: 'x', max_tokens: 50, stream: true });
    await tell({ errorRate: 1 });
    expect((await ask()).status).toBe(500);
    await tell({ cutRate: 1 });
    await expect(ask()).rejects.toThrow();
    expect((await post(`${url}/v1/completions`, { prompt: 'x', max_tokens: 50 })).status).toBe(200);
    await tell({ hangRate: 1 });
    const hang = fetch(`${url}/v1/completions`, {
      method: 'POST',
      body: '{"prompt":"x"}',
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(300),
    });
    await expect(hang).rejects.toThrow(/timeout/);
    expect((await tell({ slowly: 3 })).status).toBe(400);
    const wrong = await tell({ errorRate: 7, slow: 'x' });
    expect(wrong.json).toMatchObject({
      error: { message: expect.stringMatching(/^errorRate: [^{[]*; slow: [^{[]*$/), param: 'errorRate' },
    });
    await tell({ unhealthy: true });
    expect((await fetch(`${url}/health`)).status).toBe(503);
    expect((await ask()).status).toBe(200);
    dice.faults = NO_FAULTS;
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it('refuses what is wrong with a 4xx in the shape of OpenAI, and a request without its key', async () => {
    const { url } = await start({ apiKey: 'secret' });
    const key = { authorization: 'Bearer secret' };
    const ask = (path: string, body: unknown, headers = key) => post(`${url}${path}`, body, headers);
    const wrong: [string, unknown, number][] = [
      ['/v1/completions', '{"prompt":', 400],
      ['/v1/completions', { prompt: 3 }, 400],
      ['/v1/completions', { prompt: 'x', max_tokens: -1 }, 400],
      ['/v1/completions', { prompt: 'x', n: 2 }, 400],
      ['/v1/completions', {}, 400],
      ['/v1/completions', { prompt: 'x', max_tokens: 1e8 }, 400],
      ['/v1/completions', { prompt: 'x', kv_transfer_params: { do_remote_prefill: true } }, 400],
      ['/v1/chat/completions', { messages: [] }, 400],
      ['/v1/chat/completions', { messages: [user('x')], continue_final_message: true }, 400],
      ['/v1/completions', { prompt: 'x', model: 'other' }, 404],
      ['/v1/nothing', {}, 404],
    ];
    for (const [path, body, status] of wrong) {
      const answer = await ask(path, body);
      expect([path, body, answer.status]).toEqual([path, body, status]);
      expect(answer.json.error).toMatchObject({ message: expect.any(String), code: status });
    }
    expect((await ask('/v1/completions', { prompt: 'x' }, { authorization: 'Bearer no' })).status).toBe(401);
  });
});
