import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { endOf, textOf } from '../../../src/contract/openai.js';
import {
  asked,
  closeOpened,
  delta,
  events,
  fakeServer,
  finish,
  good,
  openaiEngine,
  opened,
  serving,
  text,
  tokensOf,
  usage,
} from '../../support/openai-engine.js';
import { until } from '../../support/pool.js';

afterEach(closeOpened);

describe('the openai engine and a server', () => {
  it('sends what the client asked, less what is for Sluice to say', async () => {
    const { engine, server } = await serving(good, { sendPriority: true, servedModel: 'm' });
    const body = {
      messages: [{ role: 'user', content: 'x' }],
      temperature: 0.3,
      stop: ['END'],
      seed: 7,
      min_tokens: 2,
      a_field_that_nobody_knows: { deep: [1] },
      max_completion_tokens: 9999,
      priority: -100,
      kv_transfer_params: { remote_host: 'evil' },
      request_id: 'mine',
      n: 5,
    };
    await tokensOf(engine, asked('r-1', 20, { params: { openai: { endpoint: 'chat', body } } }));
    const [seen] = server.seen;
    expect(seen?.url).toBe('/v1/chat/completions');
    expect(seen?.headers['x-request-id']).toBe('r-1');
    expect(seen?.body).toEqual({
      model: 'm',
      messages: body.messages,
      temperature: 0.3,
      stop: ['END'],
      seed: 7,
      min_tokens: 2,
      a_field_that_nobody_knows: { deep: [1] },
      max_tokens: 20,
      priority: 2,
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: true },
    });
  });

  it('does not start when it is stopped during the look that finds the server ready', async () => {
    const stop = new AbortController();
    const server = await fakeServer(good);
    opened.push(server);
    Object.defineProperty(server.gets, '/v1/models', {
      get: () => {
        stop.abort(new Error('not wanted any more'));
        return 404;
      },
    });
    await expect(openaiEngine([server.url], {}, {}, stop.signal)).rejects.toThrow('not wanted any more');
  });

  it('sends its key; where it is refused, the log has the reason, the client none of it', async () => {
    const server = await fakeServer((response, { headers }) =>
      headers.authorization === 'Bearer k'
        ? good(response)
        : response
            .writeHead(401)
            .end(JSON.stringify({ error: { message: `no account for ${headers.authorization}` } })),
    );
    opened.push(server);
    const logged: string[] = [];
    const log = (message: string) => void logged.push(message);
    const [right, wrong] = [
      await openaiEngine([server.url], {}, { apiKey: 'k' }),
      await openaiEngine([server.url], {}, { apiKey: 'sk-other', log }),
    ];
    opened.push(right, wrong);
    expect(textOf(await tokensOf(right, asked('r', 20)))).toBe('fine');
    await expect(tokensOf(wrong, asked('r', 20))).rejects.toThrow(
      /^the engine refused the key that engine\.api_key_env names, or wants one; what it said is in the log$/,
    );
    expect(logged[0]).toContain('the engine answered 401 to its key: no account for Bearer ***');
  });

  it.each([
    ['a refusal', (key: string, to: ServerResponse) => to.writeHead(400).end(`{"message":"bad ${key}"}`)],
    [
      'a stream',
      (key: string, to: ServerResponse) => events(to, { error: { message: `bad ${key}`, code: 400 } }).end(),
    ],
  ])('keeps its key from clients where %s of the engine repeats it', async (_, answer) => {
    const server = await fakeServer((response, { headers }) => answer(headers.authorization ?? '', response));
    opened.push(server);
    const engine = await openaiEngine([server.url], {}, { apiKey: 'sk-secret' });
    opened.push(engine);
    await expect(tokensOf(engine, asked('r', 20))).rejects.toThrow(/bad Bearer \*\*\*/);
  });

  it('keeps connections for the next request', async () => {
    const { engine, server } = await serving(good);
    for (let i = 0; i < 5; i++) await tokensOf(engine, asked(`r${i}`, 20));
    // One for health and one for the requests, or one for both.
    expect(server.connections()).toBeLessThanOrEqual(2);
  });

  it('counts tokens as the engine does where it tells, else one a chunk', async () => {
    const { engine } = await serving((response, _seen, index) => {
      if (index === 0)
        events(response, text('three words here', usage(3)), text(' ', usage(4)), finish('stop', usage(5)));
      else events(response, text('three words here'), text(' '), finish('stop'));
      events(response, '[DONE]');
      response.end();
    });
    const told = await tokensOf(engine, asked('a', 20));
    expect(told.slice(0, -1)).toEqual(['three words here', '', '', ' ', '']);
    expect(endOf(told)).toMatchObject({ finishReason: 'stop', usage: { completionTokens: 5 } });
    const untold = await tokensOf(engine, asked('b', 20));
    expect(untold.slice(0, -1)).toEqual(['three words here', ' ']);
    expect(endOf(untold)).toEqual({ finishReason: 'stop', usage: null });
  });

  it('takes reasoning and log probabilities along', async () => {
    const { engine } = await serving((response) => {
      const logprobs = { content: [{ token: 'b', logprob: -1 }] };
      events(
        response,
        delta({ role: 'assistant', content: '' }),
        delta({ reasoning_content: 'hm', content: null }),
      );
      events(response, { choices: [{ index: 0, delta: { content: 'b', tool_calls: [] }, logprobs }] });
      events(response, finish('stop'), '[DONE]');
      response.end();
    });
    const tokens = await tokensOf(engine, asked('a', 20));
    expect(tokens).toHaveLength(3);
    expect(textOf(tokens)).toBe('b');
    expect(tokens[0]).toContain('"reasoning_content":"hm"');
    expect(tokens[1]).toContain('"logprob":-1');
  });

  it.each([
    [400, { error: { message: "This model's maximum context length is 10" } }, 'prompt_too_long'],
    [400, { error: { message: 'temperature must be positive' } }, 'invalid_request'],
    [422, { detail: 'no' }, 'invalid_request'],
    [415, {}, 'invalid_request'],
    [404, { error: { message: 'no such route' } }, 'engine_failed'],
    [429, {}, 'engine_failed'],
    [503, 'busy', 'engine_failed'],
  ])('maps a status of %i %j to %s', async (status, body, code) => {
    const { engine } = await serving((response) => void response.writeHead(status).end(JSON.stringify(body)));
    await expect(tokensOf(engine, asked('r', 20))).rejects.toMatchObject({ code });
  });

  it.each([
    ['max_tokens', 'max_tokens: the engine answered 400: no'],
    ['prompt[0].x', 'prompt[0].x: the engine answered 400: no'],
    ['a field that was not sent', 'the engine answered 400: no'],
    [null, 'the engine answered 400: no'],
  ])('names the field that the engine refuses: %s', async (param, message) => {
    const body = JSON.stringify({ error: { message: 'no', param } });
    const { engine } = await serving((response) => void response.writeHead(400).end(body));
    await expect(tokensOf(engine, asked('r', 20))).rejects.toMatchObject({
      code: 'invalid_request',
      message,
    });
  });

  it('goes on by chat only where the engine is known to, and by completion anywhere', async () => {
    const models = JSON.stringify({ data: [{ id: 'm', owned_by: 'somebody' }] });
    const { engine, server } = await serving(good, {}, { '/v1/models': models });
    const chat = (body: object) => ({ openai: { endpoint: 'chat', body: { messages: [], ...body } } });
    const emitted = ['a ', 'b'];
    await expect(tokensOf(engine, asked('r', 20, { emitted, params: chat({}) }))).rejects.toMatchObject({
      code: 'cannot_continue',
    });
    expect(server.seen).toEqual([]);
    await tokensOf(engine, asked('r', 20, { emitted, params: { stop: ['x'], min_tokens: 5 } }));
    expect(server.seen[0]?.body).toMatchObject({
      prompt: 'why is it soa b',
      max_tokens: 18,
      min_tokens: 3,
      stop: ['x'],
    });
    expect(server.seen[0]?.body.stream_options).toEqual({ include_usage: true });
    expect(server.seen[0]?.headers['x-request-id']).toMatch(/^r~2~/);
  });

  it('opens its circuit after failures in a row, and tries again after a moment', async () => {
    let broken = true;
    const { engine, server } = await serving((response) => {
      if (broken) response.writeHead(500).end();
      else good(response);
    });
    const conditions: string[] = [];
    engine.onCondition((condition) => conditions.push(condition));
    for (let i = 0; i < 3; i++) await tokensOf(engine, asked(`r${i}`, 20)).catch(() => {});
    expect(conditions).toEqual(['down']);
    expect(engine.room(10)).toBe(0);
    await expect(tokensOf(engine, asked('r', 20))).rejects.toThrow('no engine to ask');
    expect(server.seen).toHaveLength(3);
    broken = false;
    await until(() => conditions.at(-1) === 'up', 'it is tried again');
    expect(textOf(await tokensOf(engine, asked('r', 20)))).toBe('fine');
  });

  it('is served by again from the first token of the trial on, and is not given up while the trial is under way', async () => {
    let later = 0;
    let trial: ServerResponse | undefined;
    const server = await fakeServer((response, _seen, index) => {
      if (index < 3) response.writeHead(500).end();
      else if (index === 3) trial = response;
      else good(response);
    });
    opened.push(server);
    const patient = { firstTokenTimeoutSeconds: 20 };
    const engine = await openaiEngine([server.url], patient, { now: () => Date.now() + later });
    opened.push(engine);
    const conditions: string[] = [];
    engine.onCondition((condition) => conditions.push(condition));
    for (let i = 0; i < 3; i++) await tokensOf(engine, asked(`r${i}`, 20)).catch(() => {});
    await until(() => conditions.at(-1) === 'up', 'it is tried again');
    const slow = tokensOf(engine, asked('slow', 20));
    await until(() => trial !== undefined && conditions.at(-1) === 'down', 'the trial is under way');
    later = 40_000;
    // Its health is asked each second, and each time it is judged.
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(conditions.at(-1)).toBe('down');
    events(trial!, text('a'));
    await until(() => conditions.at(-1) === 'up', 'the first token has come');
    expect(textOf(await tokensOf(engine, asked('next', 20)))).toBe('fine');
    events(trial!, text('b'), finish('stop'), '[DONE]').end();
    expect(textOf(await slow)).toBe('ab');
  });

  it('does not start on a server that serves another model, or none', async () => {
    const models = JSON.stringify({ data: [{ id: 'other' }] });
    const server = await fakeServer(good, { '/v1/models': models });
    opened.push(server);
    await expect(openaiEngine([server.url])).rejects.toThrow(
      'serves other, expected m; set engine.served_model',
    );
    await expect(openaiEngine(['http://127.0.0.1:1'], { startTimeoutSeconds: 0.3 })).rejects.toThrow(
      /did not start: .*ECONNREFUSED/,
    );
  });

  it('is as healthy as its list of models where it has no /health', async () => {
    const { engine } = await serving(good, {}, { '/health': 404 });
    expect(textOf(await tokensOf(engine, asked('r', 20)))).toBe('fine');
  });

  it('does not hang on a server that accepts and says nothing', async () => {
    const held: Socket[] = [];
    const silent = createServer((socket) => void held.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const engine = openaiEngine([`http://127.0.0.1:${port}`], { startTimeoutSeconds: 0.1 });
    await expect(engine).rejects.toThrow('did not start');
    for (const socket of held) socket.destroy();
    silent.close();
  });
});
