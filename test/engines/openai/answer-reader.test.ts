import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AnswerReader } from '../../../src/engines/openai/answer-reader.js';
import { readToken } from '../../../src/contract/openai.js';

const choice = (more: object) => ({ index: 0, ...more });
const chunk = (more: object, rest: object = {}) =>
  JSON.stringify({ id: 'x', choices: [choice(more)], ...rest });

/** What a reader makes of an event: texts of its entries, how many tokens by now, or the code of its error. */
function read(data: string): unknown {
  const reader = new AnswerReader(10, 0);
  try {
    return { texts: reader.read(data).map((token) => readToken(token).text), tokens: reader.tokens };
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

it('reads a chunk that is only text as one with the same text and something beside it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (content, role) => {
      const delta = role ? { role: 'assistant', content } : { content };
      const plain = read(chunk({ delta, logprobs: null, finish_reason: null }, { usage: null }));
      // A text that is not null, such as completions have, takes the other way.
      expect(plain).toEqual(read(chunk({ delta, text: '' })));
      expect(plain).toEqual({ texts: content === '' ? [] : [content], tokens: content === '' ? 0 : 1 });
    }),
  );
});

it.each([
  ['two choices', JSON.stringify({ choices: [choice({ delta: { content: 'a' } }), choice({})] })],
  ['an index that is no number', JSON.stringify({ choices: [{ index: 'a', delta: { content: 'a' } }] })],
  ['a delta that is a text', chunk({ delta: 'a' })],
  ['a finish reason that is a number', chunk({ delta: { content: 'a' }, finish_reason: 7 })],
  [
    'usage below zero',
    chunk({ delta: { content: 'a' } }, { usage: { prompt_tokens: -1, completion_tokens: 1 } }),
  ],
  ['no object', '"a"'],
  ['no JSON', '{"choices"'],
])('refuses %s', (_, data) => {
  expect(read(data)).toBe('engine_protocol');
});

it("passes on what stands beside a text: tool calls, log probabilities, the engine's error", () => {
  const calls = new AnswerReader(10, 0).read(chunk({ delta: { content: 'a', tool_calls: [{ id: 'c' }] } }));
  expect(calls.map(readToken)).toEqual([{ text: 'a', delta: { tool_calls: [{ id: 'c' }] } }]);
  const logprobs = { content: [] };
  const probable = new AnswerReader(10, 0).read(chunk({ delta: { content: 'a' }, logprobs }));
  expect(probable.map(readToken)).toEqual([{ text: 'a', logprobs }]);
  expect(read(chunk({ delta: { content: 'a' } }, { error: { message: 'no', code: 500 } }))).toBe(
    'engine_failed',
  );
});

it('ends a stream that goes on beyond what was asked for', () => {
  const reader = new AnswerReader(1, 0);
  const event = chunk({ delta: { content: 'a' } });
  for (let k = 0; k < 17; k++) reader.read(event);
  expect(() => reader.read(event)).toThrow('more than the 1 tokens');
});
