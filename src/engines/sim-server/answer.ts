import type { Asked } from './asked.js';

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
}

/** What one token of an answer is on the wire. */
interface Piece {
  text: string;
  /** Part of `delta` that is not content; undefined: the text is content. */
  delta?: Record<string, unknown>;
}

const LOGPROB = -1;

/** Puts an answer into OpenAI's words: chunk by chunk for a stream, or whole. */
export class Answer {
  readonly #created: number;
  readonly #base: string;
  #text = '';
  #arguments = '';
  #logprobs: string[] = [];
  tokens = 0;
  /** Set once a stop string was met. */
  stopReason: string | null = null;

  constructor(
    private readonly asked: Asked,
    private readonly model: string,
    nowMs: number,
  ) {
    this.#created = Math.floor(nowMs / 1000);
    const object = asked.chat ? 'chat.completion.chunk' : 'text_completion';
    this.#base = JSON.stringify({ id: asked.responseId, object, created: this.#created, model }).slice(0, -1);
  }

  get finishReason(): 'stop' | 'length' | 'tool_calls' {
    if (this.asked.tool !== null) return 'tool_calls';
    return this.stopReason === null ? 'length' : 'stop';
  }

  usage(): Usage {
    const { isl, emitted } = this.asked.engine;
    const prompt = isl + emitted.length;
    return { prompt_tokens: prompt, completion_tokens: this.tokens, total_tokens: prompt + this.tokens };
  }

  /** What a stream begins with; empty for completions. */
  opening(): string {
    if (!this.asked.chat) return '';
    const { continuousUsage } = this.asked;
    return this.#chunk({ role: 'assistant', content: '' }, undefined, null, continuousUsage);
  }

  /** Adds a token; returns its chunk. */
  token(word: string, last: boolean): string {
    this.tokens++;
    const piece = this.#piece(word, last);
    const { text } = piece;
    this.#text += piece.delta === undefined ? text : '';
    const logprobs = this.asked.logprobs ? this.#logprobsOf([text]) : undefined;
    if (this.asked.logprobs) this.#logprobs.push(text);
    if (!this.asked.stream) return '';
    return this.#chunk(piece.delta ?? { content: text }, logprobs, null, this.asked.continuousUsage, text);
  }

  /** What a stream ends with. `kv`: `kv_transfer_params` of a prefill. */
  closing(kv: Record<string, unknown> | undefined): string {
    const { chat, includeUsage, continuousUsage } = this.asked;
    const last = this.#chunk(chat ? { content: '' } : {}, undefined, this.finishReason, continuousUsage);
    const tail = kv === undefined ? {} : { kv_transfer_params: kv };
    const usage = includeUsage
      ? `data: ${this.#base},${JSON.stringify({ choices: [], usage: this.usage(), ...tail }).slice(1)}\n\n`
      : '';
    return `${last}${usage}data: [DONE]\n\n`;
  }

  whole(kv: Record<string, unknown> | undefined): unknown {
    const { chat, responseId, tool } = this.asked;
    const finish = { finish_reason: this.finishReason, stop_reason: this.stopReason };
    const logprobs = this.#logprobs.length === 0 ? null : this.#logprobsOf(this.#logprobs);
    const call = {
      id: `call-${responseId}`,
      type: 'function',
      function: { name: tool, arguments: this.#arguments },
    };
    const message =
      tool === null
        ? { role: 'assistant', content: this.#text }
        : { role: 'assistant', content: null, tool_calls: [call] };
    return {
      id: responseId,
      object: chat ? 'chat.completion' : 'text_completion',
      created: this.#created,
      model: this.model,
      choices: [
        chat
          ? { index: 0, message, logprobs, ...finish }
          : { index: 0, text: this.#text, logprobs, ...finish },
      ],
      usage: this.usage(),
      ...(kv === undefined ? {} : { kv_transfer_params: kv }),
    };
  }

  /** The token as text cut before a stop string, or as a part of the call's arguments: `{"text": "` word ... `"}`. */
  #piece(word: string, last: boolean): Piece {
    const { tool, stop, responseId } = this.asked;
    if (tool === null) return { text: this.#untilStop(word, stop) };
    const first = this.#arguments === '';
    const text = `${first ? '{"text": "' : ''}${word}${last ? '"}' : ''}`;
    this.#arguments += text;
    const named = { id: `call-${responseId}`, type: 'function', function: { name: tool, arguments: text } };
    const call = first ? { index: 0, ...named } : { index: 0, function: { arguments: text } };
    return { text: '', delta: { tool_calls: [call] } };
  }

  #untilStop(word: string, stop: readonly string[]): string {
    const both = this.#text + word;
    for (const end of stop) {
      const at = both.indexOf(end, Math.max(0, this.#text.length - end.length));
      if (at < 0) continue;
      this.stopReason = end;
      return both.slice(this.#text.length, Math.max(this.#text.length, at));
    }
    return word;
  }

  /** Of tokens in a row, the last of which ends the text so far. A made-up, constant probability: the sim knows none. */
  #logprobsOf(tokens: readonly string[]): unknown {
    if (this.asked.chat) {
      const one = (text: string) => ({
        token: text,
        logprob: LOGPROB,
        bytes: [...Buffer.from(text)],
        top_logprobs: [],
      });
      return { content: tokens.map(one) };
    }
    let offset = this.#text.length - tokens.reduce((sum, text) => sum + text.length, 0);
    return {
      tokens,
      token_logprobs: tokens.map(() => LOGPROB),
      top_logprobs: tokens.map((text) => ({ [text]: LOGPROB })),
      text_offset: tokens.map((text) => {
        offset += text.length;
        return offset - text.length;
      }),
    };
  }

  #chunk(
    delta: Record<string, unknown>,
    logprobs: unknown,
    finish: string | null,
    withUsage: boolean,
    text = '',
  ): string {
    const { chat } = this.asked;
    const said = chat ? `"delta":${JSON.stringify(delta)}` : `"text":${JSON.stringify(text)}`;
    const log = logprobs === undefined ? 'null' : JSON.stringify(logprobs);
    const stop = finish === null ? '' : `,"stop_reason":${JSON.stringify(this.stopReason)}`;
    const end = finish === null ? 'null' : `"${finish}"`;
    const usage = withUsage ? `,"usage":${JSON.stringify(this.usage())}` : '';
    return `data: ${this.#base},"choices":[{"index":0,${said},"logprobs":${log},"finish_reason":${end}${stop}}]${usage}}\n\n`;
  }
}
