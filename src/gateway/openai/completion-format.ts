import type { AnswerFormat, AnswerHead, StreamFormat } from './format.js';
import { event, tierOf, usageOf } from './format.js';

/** `text_completion`, whole and in chunks. */
export const completionFormat: AnswerFormat = {
  stream: (head) => completionStream(head),
  whole: (head, result) => {
    const { logprobs, ...rest } = result.message ?? {};
    const choice = {
      index: 0,
      text: result.text,
      logprobs: logprobs ?? null,
      finish_reason: result.finishReason,
      ...(result.stopReason === undefined ? {} : { stop_reason: result.stopReason }),
      ...rest,
    };
    return { ...shared(head), choices: [choice], usage: usageOf(result) };
  },
};

function completionStream(head: AnswerHead): StreamFormat {
  const base = shared(head);
  const chunk = (text: string, rest: object = {}, finish: string | null = null) =>
    event({ ...base, choices: [{ index: 0, text, logprobs: null, ...rest, finish_reason: finish }] });
  const [before = '', after = ''] = chunk('\u0000').split('"\\u0000"');
  return {
    begin: () => '',
    text: (text) => before + JSON.stringify(text) + after,
    detail: ({ text, delta, logprobs }) =>
      chunk(text, { ...delta, ...(logprobs === undefined ? {} : { logprobs }) }),
    finish: (result) =>
      chunk(
        '',
        result.stopReason === undefined ? {} : { stop_reason: result.stopReason },
        result.finishReason,
      ),
    usage: (result) => event({ ...base, choices: [], usage: usageOf(result) }),
  };
}

function shared({ id, model, level, created }: AnswerHead) {
  return { id, object: 'text_completion', created, model, service_tier: tierOf(level), slo_level: level };
}
