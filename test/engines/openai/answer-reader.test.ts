import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readToken } from '../../../src/contract/openai.js';
import { AnswerReader } from '../../../src/engines/openai/answer-reader.js';

const choice = (more: object) => ({ index: 0, ...more });
const chunk = (more: object, rest: object = {}) =>
  JSON.stringify({ id: 'x', choices: [choice(more)], ...rest });

/** What a reader makes of an event: texts of its entries, how many tokens by now, or the code of its error. */
function read(data: string): unknown {
  const reader = new AnswerReader(10, 0, 100);
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

it('reads usage beside a text as the schema does, of chat and of completions: counts that are none too', () => {
  const odd = fc.constantFrom<unknown>(-1, 0.5, 1e9, 1e9 + 1, '3', null, undefined, Number.NaN);
  const count = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 30 }) }, odd);
  const text = fc.constantFrom('', 'a', 'word ');
  fc.assert(
    fc.property(text, count, count, (content, prompt_tokens, completion_tokens) => {
      const usage = { prompt_tokens, completion_tokens, total_tokens: 7 };
      const chat = read(chunk({ delta: { content } }, { usage }));
      expect(chat).toEqual(read(chunk({ delta: { content }, text: '' }, { usage })));
      expect(read(chunk({ text: content }, { usage }))).toEqual(chat);
      expect(read(chunk({ text: content, delta: null }, { usage }))).toEqual(chat);
    }),
  );
  expect(
    read(chunk({ delta: { content: 'a' } }, { usage: { prompt_tokens: 5, completion_tokens: 3 } })),
  ).toEqual({
    texts: ['a', '', ''],
    tokens: 3,
  });
});

it.each([
  ['two choices', JSON.stringify({ choices: [choice({ delta: { content: 'a' } }), choice({})] })],
  ['an index that is no number', JSON.stringify({ choices: [{ index: 'a', delta: { content: 'a' } }] })],
  ['a delta that is a text', chunk({ delta: 'a' })],
  ['a content that is a number', chunk({ delta: { content: 5 } })],
  ['a content with a part that is no text', chunk({ delta: { content: [{ type: 'image_url' }] } })],
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

it('reads a content in parts as their text, and one that is null as none', () => {
  const content = [
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
  ];
  expect(read(chunk({ delta: { content } }))).toEqual({ texts: ['ab'], tokens: 1 });
  expect(read(chunk({ delta: { content: null } }))).toEqual({ texts: [], tokens: 0 });
});

it("passes on what stands beside a text: tool calls, log probabilities, the engine's error", () => {
  const calls = new AnswerReader(10, 0, 100).read(
    chunk({ delta: { content: 'a', tool_calls: [{ id: 'c' }] } }),
  );
  expect(calls.map(readToken)).toEqual([{ text: 'a', delta: { tool_calls: [{ id: 'c' }] } }]);
  const logprobs = { content: [] };
  const probable = new AnswerReader(10, 0, 100).read(chunk({ delta: { content: 'a' }, logprobs }));
  expect(probable.map(readToken)).toEqual([{ text: 'a', logprobs }]);
  expect(read(chunk({ delta: { content: 'a' } }, { error: { message: 'no', code: 500 } }))).toBe(
    'engine_failed',
  );
});

it('ends a stream that goes on beyond what was asked for', () => {
  const reader = new AnswerReader(1, 0, 100);
  const event = chunk({ delta: { content: 'a' } });
  for (let k = 0; k < 17; k++) reader.read(event);
  expect(() => reader.read(event)).toThrow('more than the 1 tokens');
});
