import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { writeToken } from '../../src/contract/openai.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig(({ pools }) => {
  // Its requests wait in vain.
  pools.low!.admission.policy = 'queue';
});
let redis: TestRedis;
let gateway: Gateway;
let openai: OpenAI;
const workers: TestWorker[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  gateway = await openGateway(redis.url, config);
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await gateway.close();
  await redis.stop();
});

async function stopWorkers(): Promise<void> {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  const plain = connect(redis.url, 'plain');
  await plain.flushall();
  plain.disconnect();
}

async function serve(engine: HandEngine, ...pools: string[]): Promise<HandEngine> {
  for (const pool of pools) workers.push(await startPoolWorker(redis.url, config, pool, engine, `w-${pool}`));
  return engine;
}

const messages = [{ role: 'user' as const, content: 'Why is the sky blue?' }];
const model = 'llama-3.1-8b';
const words = (id: string, count: number) => Array.from({ length: count }, (_, k) => `${id}:${k} `).join('');

describe('the official client, with workers at every level', () => {
  beforeAll(() => serve(new HandEngine(100, true), 'high', 'medium', 'low'));
  afterAll(stopWorkers);

  describe.each(['high', 'medium', 'low'])('at level %s', (level) => {
    const tier = { high: 'priority', medium: 'default', low: 'flex' }[level]!;
    it('gets a chat answer', async () => {
      const body = { model, messages, max_tokens: 5, slo_level: level };
      const { data, response } = await openai.chat.completions.create(body).withResponse();
      expect(data).toMatchObject({
        object: 'chat.completion',
        model,
        service_tier: tier,
        choices: [
          { index: 0, message: { role: 'assistant', content: words(data.id, 5) }, finish_reason: 'length' },
        ],
        usage: { completion_tokens: 5 },
      });
      expect(data.usage!.total_tokens).toBe(data.usage!.prompt_tokens + 5);
      expect(response.headers.get('x-slo-level')).toBe(level);
      expect(response.headers.get('x-request-id')).toBe(data.id);
    });

    it('streams a chat answer with its usage', async () => {
      const stream = await openai.chat.completions.create({
        model,
        messages,
        max_tokens: 6,
        stream: true,
        stream_options: { include_usage: true },
        service_tier: tier as 'flex',
      });
      const chunks: OpenAI.ChatCompletionChunk[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      const id = chunks[0]!.id;
      expect(chunks[0]).toMatchObject({ service_tier: tier, choices: [{ delta: { role: 'assistant' } }] });
      expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(words(id, 6));
      expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('length');
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
    });

    it('gets and streams a completion', async () => {
      const body = { model, prompt: 'The sky is', max_tokens: 4 };
      const headers = { 'x-slo-level': level };
      const whole = await openai.completions.create(body, { headers });
      expect(whole.choices[0]).toMatchObject({ text: words(whole.id, 4), finish_reason: 'length' });
      const stream = await openai.completions.create({ ...body, stream: true }, { headers });
      let text = '';
      let id = '';
      for await (const chunk of stream) {
        id = chunk.id;
        text += chunk.choices[0]?.text ?? '';
      }
      expect(text).toBe(words(id, 4));
    });
  });

  it('sees the models with their levels', async () => {
    const list = await openai.models.list();
    expect(list.data).toMatchObject([{ id: model, object: 'model', slo_levels: ['high', 'medium', 'low'] }]);
  });

  it.each([
    ['an unknown model', { model: 'gpt-9', messages }, 404, 'unknown_model', 'model'],
    ['an unknown level', { model, messages, slo_level: 'gold' }, 400, 'unknown_level', 'slo_level'],
    ['n of 2', { model, messages, n: 2 }, 400, 'invalid_request', 'n'],
    ['no messages', { model, messages: [] }, 400, 'invalid_request', 'messages'],
    ['a wrong temperature', { model, messages, temperature: 'hot' }, 400, 'invalid_request', 'temperature'],
    ['too many tokens', { model, messages, max_tokens: 900_000 }, 400, 'invalid_request', 'max_tokens'],
    [
      'contradicting levels',
      { model, messages, slo_level: 'low', service_tier: 'priority' },
      400,
      'invalid_request',
      null,
    ],
  ])("sees %s as an error of OpenAI's shape", async (_, body, status, code, param) => {
    const asked = openai.chat.completions.create(body as OpenAI.ChatCompletionCreateParamsNonStreaming);
    const error = await asked.catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ status, code, type: 'invalid_request_error' });
    if (param !== null) expect(error).toMatchObject({ param });
    else expect((error as Error).message).toContain('contradict');
  });

  it('a target of the request decides whether it was attained', async () => {
    const ask = (slo: object) =>
      openai.completions
        .create({
          model,
          prompt: 'word',
          max_tokens: 2,
          slo_level: 'high',
          slo,
        } as OpenAI.CompletionCreateParamsNonStreaming)
        .then(({ id }) => id);
    const tight = await ask({ ttft_ms: 0.001 });
    const loose = await ask({ ttft_ms: 60_000, itl_ms: 60_000 });
    const plain = connect(redis.url, 'plain');
    const attained = async (id: string) => {
      const value = await plain.hget(`{${config.namespace}:high}:high.decode:${id}`, 'returnvalue');
      return (JSON.parse(value!) as { attained: boolean }).attained;
    };
    expect([await attained(tight), await attained(loose)]).toEqual([false, true]);
    plain.disconnect();
  });
});

describe('the official client, with an engine driven by hand', () => {
  afterEach(stopWorkers);

  it('has tools and unknown fields passed to the engine untouched, and tool calls passed back', async () => {
    const call = (text: object) => writeToken({ delta: { tool_calls: [{ index: 0, ...text }] } });
    const script = [
      call({ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }),
      call({ function: { arguments: '{"city":' } }),
      call({ function: { arguments: '"Rome"}' } }),
      writeToken({
        end: { finishReason: 'tool_calls', usage: { promptTokens: 40, completionTokens: 3 } },
      }),
    ];
    const engine = await serve(new HandEngine(100, true, script), 'medium');
    const tools = [
      { type: 'function' as const, function: { name: 'weather', parameters: { type: 'object' } } },
    ];
    const body = {
      model,
      messages,
      tools,
      temperature: 0.3,
      seed: 7,
      stop: ['END'],
      top_k: 20,
      max_tokens: 50,
    };
    const whole = await openai.chat.completions.create(body);
    const calls = [
      { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } },
    ];
    expect(whole).toMatchObject({
      choices: [{ message: { content: null, tool_calls: calls }, finish_reason: 'tool_calls' }],
      usage: { prompt_tokens: 40, completion_tokens: 3 },
    });
    const { max_tokens, model: _, ...passed } = body;
    expect(engine.seen[0]).toMatchObject({ maxTokens: max_tokens, params: { openai: { endpoint: 'chat' } } });
    expect(engine.seen[0]!.params).toEqual({ openai: { endpoint: 'chat', body: passed } });
    const stream = openai.chat.completions.stream(body);
    const message = await stream.finalMessage();
    expect(message.tool_calls).toMatchObject(calls);
  });

  it('has sampling passed to the engine within whatever range, and null taken as nothing', async () => {
    const engine = await serve(new HandEngine(100, true), 'medium');
    // The largest seed of 64 bits that a double holds.
    const passed = { temperature: 9, top_p: -1, seed: 2 ** 63 - 1024, stop: Array(20).fill('x'), messages };
    const ours = { model: null, slo_level: null, slo: null, relegate: null, deadline_ms: null };
    const send = (body: object) => post(`${gateway.url}/v1/chat/completions`, body);
    const answer = await send({ ...passed, ...ours, service_tier: 'scale' });
    expect([answer.status, answer.headers.get('x-slo-level')]).toEqual([200, 'medium']);
    expect(engine.seen[0]!.params).toEqual({ openai: { endpoint: 'chat', body: passed } });
    expect((await send({ messages, service_tier: 'fast' })).status).toBe(400);
  });

  it('frees the engine when it aborts in mid-stream', async () => {
    const engine = await serve(new HandEngine(), 'high');
    const abort = new AbortController();
    const answer = openai.chat.completions.create(
      {
        model,
        messages,
        max_tokens: 50,
        stream: true,
        slo_level: 'high',
      } as OpenAI.ChatCompletionCreateParamsStreaming,
      { signal: abort.signal },
    );
    await until(() => engine.seen.length === 1, 'the engine has it');
    const { id } = engine.seen[0]!;
    engine.allow(id, 3);
    const stream = await answer;
    let seen = '';
    const reading = (async () => {
      for await (const chunk of stream) {
        seen += chunk.choices[0]?.delta.content ?? '';
        if (seen.includes(`${id}:2`)) abort.abort();
      }
    })();
    await reading.catch(() => {});
    await until(() => engine.aborted.includes(id), 'the engine is freed', 5_000);
    expect(seen).toBe(words(id, 3));
  });

  it('frees the queue when it leaves while its request waits, streaming or not', async () => {
    const engine = new HandEngine();
    for (const stream of [true, false]) {
      const abort = new AbortController();
      const params = { model, messages, slo_level: 'high', stream } as OpenAI.ChatCompletionCreateParams;
      const asked = openai.chat.completions.create(params, { signal: abort.signal });
      setTimeout(() => abort.abort(), 300);
      await expect(asked).rejects.toThrow(/abort/i);
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    await serve(engine, 'high');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(engine.seen).toEqual([]);
  });

  it('sees a request that expired while it waited as 504', async () => {
    const params = { model, messages, deadline_ms: 200, slo_level: 'low', stream: true };
    const asked = openai.chat.completions.create(
      params as unknown as OpenAI.ChatCompletionCreateParamsStreaming,
    );
    setTimeout(() => void serve(new HandEngine(10, true), 'low'), 400);
    await expect(asked).rejects.toMatchObject({ status: 504, code: 'expired' });
  });
});
