import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf, openaiParamsOf, readToken, textOf, writeToken } from '../../src/contract/openai.js';
import { assembleMessage } from '../../src/contract/openai-message.js';

const call = (index: number, part: object) => writeToken({ delta: { tool_calls: [{ index, ...part }] } });

describe('a token string', () => {
  it('of plain text is the text', () => {
    expect(writeToken({ text: ' sky' })).toBe(' sky');
    expect(readToken(' sky')).toEqual({ text: ' sky' });
  });

  it('keeps any text, also one that begins like a detail', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `\u001e${text}`),
        ),
        (text) => {
          expect(textOf([writeToken({ text })])).toBe(text);
        },
      ),
    );
  });

  it('that is marked but holds no detail is text', () => {
    expect(textOf(['a', '\u001e{', '\u001e{"text":1}'])).toBe('a\u001e{\u001e{"text":1}');
  });

  it('tells how the answer ended only in the last place', () => {
    const end = { finishReason: 'stop', usage: { promptTokens: 3, completionTokens: 2 } } as const;
    expect(endOf(['a', 'b', writeToken({ end })])).toEqual(end);
    expect(endOf([writeToken({ end }), 'b'])).toBeUndefined();
    expect(endOf([])).toBeUndefined();
    expect(textOf(['a', 'b', writeToken({ end })])).toBe('ab');
  });
});

describe('the message that details add up to', () => {
  it('joins the arguments of tool calls by their index', () => {
    const tokens = [
      call(0, { id: 'c0', type: 'function', function: { name: 'sky', arguments: '' } }),
      call(0, { function: { arguments: '{"of":' } }),
      call(1, { id: 'c1', type: 'function', function: { name: 'sea', arguments: '{}' } }),
      call(0, { function: { arguments: '"day"}' } }),
    ];
    expect(assembleMessage(tokens)).toEqual({
      tool_calls: [
        { id: 'c0', type: 'function', function: { name: 'sky', arguments: '{"of":"day"}' } },
        { id: 'c1', type: 'function', function: { name: 'sea', arguments: '{}' } },
      ],
    });
  });

  it('joins reasoning text and log probabilities', () => {
    const tokens = [
      writeToken({ delta: { reasoning_content: 'blue ' } }),
      writeToken({ delta: { reasoning_content: 'light' } }),
      writeToken({ text: 'a', logprobs: { content: [{ token: 'a', logprob: -1 }] } }),
      writeToken({ text: 'b', logprobs: { content: [{ token: 'b', logprob: -2 }] } }),
    ];
    expect(assembleMessage(tokens)).toEqual({
      reasoning_content: 'blue light',
      logprobs: {
        content: [
          { token: 'a', logprob: -1 },
          { token: 'b', logprob: -2 },
        ],
      },
    });
  });

  it('is nothing for plain text', () => {
    expect(assembleMessage(['a', 'b'])).toBeUndefined();
  });
});

it("finds a client's OpenAI body in the parameters of a job, and refuses one of another shape", () => {
  const openai = { endpoint: 'chat', body: { messages: [], seed: 1 } };
  expect(openaiParamsOf({ openai })).toEqual(openai);
  expect(openaiParamsOf({ temperature: 0 })).toBeUndefined();
  expect(() => openaiParamsOf({ openai: { endpoint: 'images', body: {} } })).toThrow();
});
