import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { endOf, textOf } from '../../../src/contract/openai.js';
import {
  asked,
  closeOpened,
  delta,
  events,
  finish,
  serving,
  text,
  tokensOf,
  usage,
} from '../../support/openai-engine.js';

afterEach(closeOpened);

const choice = (more: object) => ({ choices: [{ index: 0, ...more }] });
const named = (response: ServerResponse, name: string, data: string) =>
  void response.write(`event: ${name}\ndata: ${data}\n\n`);

describe('forms in which honest servers differ', () => {
  const forms: [string, (response: ServerResponse) => void][] = [
    [
      'an empty finish reason in every chunk but the last',
      (r) =>
        events(
          r,
          choice({ text: 'a', finish_reason: '' }),
          choice({ text: 'b', logprobs: null, finish_reason: '', stop_reason: '' }),
        ),
    ],
    [
      'usage that does not tell what was made',
      (r) =>
        events(r, delta({ role: 'assistant', content: '' }, { prompt_tokens: 4 }), {
          ...text('ab'),
          usage: { prompt_tokens: 4, completion_tokens: null },
        }),
    ],
    ['no list of choices beside usage', (r) => events(r, text('ab'), { choices: null, usage: usage(1) })],
    ['an index that is null', (r) => events(r, { choices: [{ index: null, text: 'ab' }] })],
    [
      'events of other names that are no part of the answer',
      (r) => {
        events(r, text('a'));
        named(r, 'ping', '{"type":"ping"}');
        named(r, 'ping', 'pong');
        named(r, 'chunk', JSON.stringify(text('b')));
      },
    ],
  ];
  it.each(forms)('%s', async (_, begin) => {
    const { engine } = await serving((response) => {
      begin(response);
      events(response, finish('stop', usage(2)), '[DONE] ').end();
    });
    const tokens = await tokensOf(engine, asked('r', 20));
    expect(textOf(tokens)).toBe('ab');
    expect(endOf(tokens)).toMatchObject({ finishReason: 'stop', usage: { completionTokens: 2 } });
  });

  it('an event named error is one, whatever else it says', async () => {
    const { engine } = await serving((response, _seen, index) => {
      events(response, text('a'));
      named(response, 'error', index === 0 ? '{"error":{"message":"out of memory"}}' : '{"why":"none"}');
    });
    await expect(tokensOf(engine, asked('r', 20))).rejects.toThrow('out of memory');
    await expect(tokensOf(engine, asked('s', 20))).rejects.toMatchObject({ code: 'engine_protocol' });
  });

  it('a last chunk without a reason ends the answer all the same', async () => {
    const { engine } = await serving((response) => {
      events(response, choice({ text: 'a', finish_reason: '' }), ' [DONE] ').end();
    });
    expect(endOf(await tokensOf(engine, asked('r', 20)))).toMatchObject({ finishReason: 'stop' });
  });
});
