import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { textOf } from '../../../src/contract/openai.js';
import {
  asked,
  closeOpened,
  delta,
  events,
  finish,
  good,
  serving,
  text,
  tokensOf,
  usage,
} from '../../support/openai-engine.js';
import { until } from '../../support/pool.js';

afterEach(closeOpened);

describe('an engine that lies fails the request, and serves the next', () => {
  const lies: [string, (response: ServerResponse) => void, string, string][] = [
    [
      'tells negative usage',
      (r) => events(r, text('a', usage(-1))),
      'engine_protocol',
      'usage.completion_tokens',
    ],
    ['tells usage that is no number', (r) => events(r, text('a', usage('many'))), 'engine_protocol', 'usage'],
    [
      'counts backwards',
      (r) => events(r, text('a', usage(3)), text('b', usage(2))),
      'engine_protocol',
      'backwards',
    ],
    [
      'counts more than was asked',
      (r) => events(r, text('a', usage(1000))),
      'engine_protocol',
      'counts 1000',
    ],
    ['sends what is not JSON', (r) => events(r, '{"choices": [', 'x'), 'engine_protocol', 'not JSON'],
    ['sends JSON that is no chunk', (r) => events(r, { choices: 'none' }), 'engine_protocol', 'choices'],
    ['sends several choices', (r) => events(r, { choices: [{}, {}] }), 'engine_protocol', 'choices'],
    [
      'sends a content that is no text',
      (r) => events(r, delta({ content: 5 }), finish('stop'), '[DONE]'),
      'engine_protocol',
      'delta.content',
    ],
    [
      'sends another choice than the first',
      (r) => events(r, { choices: [{ index: 1, text: 'a' }] }),
      'engine_protocol',
      'a choice 1',
    ],
    [
      'sends JSON with neither choices nor usage',
      (r) => events(r, { type: 'x' }),
      'engine_protocol',
      'neither choices nor usage',
    ],
    [
      'counts a prompt that nobody sent',
      (r) => events(r, text('a', usage(1, 9e8))),
      'engine_protocol',
      'counts 900000000 prompt tokens',
    ],
    [
      'goes on after its finish reason',
      (r) => events(r, text('a'), finish('stop'), text('late')),
      'engine_protocol',
      'after its finish reason',
    ],
    [
      'reports an error that is the whole event',
      (r) => events(r, text('a'), { object: 'error', message: 'out of memory', code: 500 }, '[DONE]'),
      'engine_failed',
      'out of memory',
    ],
    [
      'reports an error as FastChat does',
      (r) => events(r, { text: 'no worker', error_code: 50001 }, '[DONE]'),
      'engine_failed',
      'no worker',
    ],
    ['says only that it is done', (r) => events(r, '[DONE]'), 'engine_failed', 'no token and no finish'],
    ['sends null', (r) => events(r, 'null'), 'engine_protocol', 'a chunk'],
    [
      'sends a line without an end',
      (r) =>
        void r.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${'x'.repeat(1.5e6)}`),
      'engine_protocol',
      'more than a million characters',
    ],
    [
      'answers in HTML',
      (r) => void r.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Welcome</h1>'),
      'engine_protocol',
      'expected text/event-stream',
    ],
    [
      'says nothing of its content',
      (r) => void r.writeHead(200).end('{}'),
      'engine_protocol',
      'content type none',
    ],
    [
      'sends heads without end',
      (r) => {
        const timer = setInterval(() => r.socket?.write(`x-more: ${'y'.repeat(2000)}\r\n`), 1);
        r.socket?.write('HTTP/1.1 200 OK\r\n');
        r.socket?.on('close', () => clearInterval(timer));
      },
      'engine_failed',
      'cannot be reached',
    ],
    ['ends the stream short', (r) => void events(r, text('a')).end(), 'engine_failed', 'cut after 1 tokens'],
    [
      'breaks the connection',
      (r) => void setTimeout((cut) => cut.destroy(), 50, events(r, text('a'))),
      'engine_failed',
      'broke',
    ],
    ['says that it aborted', (r) => events(r, text('a'), finish('abort')), 'engine_failed', 'abort'],
    [
      'reports an error in the stream',
      (r) => events(r, text('a'), { error: { message: 'CUDA error', code: 500 } }),
      'engine_failed',
      'CUDA error',
    ],
    [
      'refuses the request in the stream',
      (r) => events(r, { error: { message: 'bad grammar', code: 400 } }),
      'invalid_request',
      'bad grammar',
    ],
  ];
  it.each(lies)('%s', async (_, lie, code, message) => {
    const { engine } = await serving((response, _seen, index) =>
      index === 0 ? lie(response) : good(response),
    );
    const failure = await tokensOf(engine, asked('r', 20)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(textOf(await tokensOf(engine, asked('next', 20)))).toBe('fine');
    expect(engine.room(10)).toBeGreaterThan(0);
  });

  it('streams for ever: it is cut a little after max_tokens, and the connection closed', async () => {
    let closed = false;
    const { engine } = await serving((response) => {
      const timer = setInterval(() => events(response, text('more ')), 1);
      response.on('close', () => {
        closed = true;
        clearInterval(timer);
      });
    });
    await expect(tokensOf(engine, asked('r', 20))).rejects.toMatchObject({ code: 'engine_protocol' });
    await until(() => closed, 'the connection is closed');
  });

  it('only keeps the line open: no token in time is a failure, whatever else comes', async () => {
    const config = { firstTokenTimeoutSeconds: 0.3, tokenGapTimeoutSeconds: 0.2 };
    const alive = (response: ServerResponse) => {
      const timer = setInterval(() => response.write(': ping\n\n'), 20);
      response.on('close', () => clearInterval(timer));
    };
    const { engine } = await serving((response, _seen, index) => {
      if (index === 1) events(response, text('a'));
      else response.writeHead(200, { 'content-type': 'text/event-stream' });
      alive(response);
    }, config);
    await expect(tokensOf(engine, asked('r', 20))).rejects.toThrow('no first token in 0.3 s');
    await expect(tokensOf(engine, asked('r', 20))).rejects.toThrow('no token for 0.2 s');
  });

  it('never closes after the end: the answer is complete, and nothing waits', async () => {
    const { engine, server } = await serving((response) => {
      events(response, text('a'), finish('stop'), '[DONE]');
      const timer = setInterval(() => response.write(': still here\n\n'), 20);
      response.on('close', () => clearInterval(timer));
    });
    const startedMs = Date.now();
    expect(textOf(await tokensOf(engine, asked('r', 20)))).toBe('a');
    expect(Date.now() - startedMs).toBeLessThan(1000);
    expect(server.seen).toHaveLength(1);
  });

  it.each([
    ['comments', ': still here\n\n'],
    ['chunks', `data: ${JSON.stringify({ choices: [], usage: usage(1) })}\n\n`],
  ])(
    'goes on to send %s after its finish reason: the answer is complete two seconds later',
    async (_, more) => {
      const { engine } = await serving((response) => {
        events(response, text('a'), finish('stop'));
        const timer = setInterval(() => response.write(more), 100);
        response.on('close', () => clearInterval(timer));
      });
      expect(textOf(await tokensOf(engine, asked('r', 20)))).toBe('a');
    },
  );

  it('tells a load that cannot be: it is brought within bounds', async () => {
    const lines = [
      'vllm:num_requests_running{engine="0"} -5',
      'vllm:num_requests_waiting{engine="0"} 1e3',
      'vllm:kv_cache_usage_perc{engine="0"} 7',
      'vllm:prefix_cache_queries_total{engine="0"} 1',
      'vllm:prefix_cache_hits_total{engine="0"} 9',
      'vllm:generation_tokens_total NaN',
      'nonsense }{',
    ];
    const { engine } = await serving(good, {}, { '/metrics': lines.join('\n') });
    expect(engine.load()).toMatchObject({
      runningSequences: 0,
      waitingSequences: 1000,
      usedKvBlocks: engine.load().totalKvBlocks,
      prefixHitRate: 1,
      generatedTokens: 0,
    });
    expect(engine.room(100)).toBe(0);
  });
});
