import type { AnswerFormat, AnswerHead, StreamFormat } from './format.js';
import { event, tierOf, usageOf } from './format.js';

/** `chat.completion` and its chunks. */
export const chatFormat: AnswerFormat = {
  stream: (head) => chatStream(head),
  whole: (head, result) => {
    const { logprobs, ...message } = result.message ?? {};
    const content = result.text === '' && message.tool_calls !== undefined ? null : result.text;
    const choice = {
      index: 0,
      message: { role: 'assistant', content, ...message },
      logprobs: logprobs ?? null,
      finish_reason: result.finishReason,
      ...(result.stopReason === undefined ? {} : { stop_reason: result.stopReason }),
    };
    return { ...shared(head, 'chat.completion'), choices: [choice], usage: usageOf(result) };
  },
};

function chatStream(head: AnswerHead): StreamFormat {
  const base = shared(head, 'chat.completion.chunk');
  const chunk = (delta: object, rest: object = {}, finish: string | null = null) =>
    event({ ...base, choices: [{ index: 0, delta, ...rest, finish_reason: finish }] });
  // Nearly every chunk is a text: only that part of it is made anew.
  const [before = '', after = ''] = chunk({ content: '\u0000' }).split('"\\u0000"');
  return {
    begin: () => chunk({ role: 'assistant', content: '' }),
    text: (text) => before + JSON.stringify(text) + after,
    detail: ({ text, delta, logprobs }) =>
      chunk(
        { ...delta, ...(text === '' ? {} : { content: text }) },
        logprobs === undefined ? {} : { logprobs },
      ),
    finish: (result) =>
      chunk(
        {},
        result.stopReason === undefined ? {} : { stop_reason: result.stopReason },
        result.finishReason,
      ),
    usage: (result) => event({ ...base, choices: [], usage: usageOf(result) }),
  };
}

function shared({ id, model, level, created }: AnswerHead, object: string) {
  return { id, object, created, model, service_tier: tierOf(level), slo_level: level };
}
