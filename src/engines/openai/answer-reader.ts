import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import { finishReasonSchema, type TokenEnd, writeToken } from '../../contract/openai.js';
import { isRecord, parseJson } from '../../contract/reply.js';

/** No honest count is above it. */
const MOST_COUNT = 1e9;
const count = z.number().int().min(0).max(MOST_COUNT);
/** Before it has made a token, a server may leave out how many it made: such usage says nothing. */
const usageSchema = z.looseObject({ prompt_tokens: count, completion_tokens: count.nullish() });
type Usage = z.output<typeof usageSchema> & { completion_tokens: number };
/** Text; some servers send it in parts. What is no text has no place in an answer's content. */
const contentSchema = z.union([
  z.string(),
  z
    .array(z.looseObject({ type: z.literal('text'), text: z.string() }))
    .transform((parts) => parts.map(({ text }) => text).join('')),
]);
const choiceSchema = z.looseObject({
  index: z.number().nullish(),
  delta: z.looseObject({ content: contentSchema.nullish() }).nullish(),
  text: z.string().nullish(),
  logprobs: z.unknown().optional(),
  finish_reason: z.string().nullish(),
  stop_reason: z.union([z.string(), z.number(), z.null()]).optional(),
});
const chunkSchema = z.looseObject({
  choices: z.array(choiceSchema).max(1).nullish(),
  usage: usageSchema.nullish(),
  error: z.unknown().optional(),
});
/** Errors that are not under `error`: vLLM's and SGLang's until 2025, and FastChat's. */
const bareErrorSchema = z.union([
  z.looseObject({ object: z.literal('error'), message: z.string(), code: z.unknown() }),
  z
    .looseObject({ text: z.string(), error_code: z.number().min(1) })
    .transform(({ text, error_code }) => ({ message: text, code: error_code })),
]);
const errorSchema = z.looseObject({ message: z.string(), code: z.union([z.number(), z.string()]).nullish() });

/** Chunks beyond max_tokens that an honest engine may send: ends of tool calls, text that a detokenizer held back. */
const SLACK = 16;

/** `estimateTokens` counts one token for four characters; a character is four bytes at most, a token one at least. */
const MOST_TOKENS_PER_ESTIMATED = 16;
/** Tokens of what it does not count: spaces, templates, pictures and films that are named by their address. */
const MOST_UNSEEN = 131_072;

/** Parts of a delta that say nothing of their own. */
const SILENT = new Set(['role', 'content']);

/**
 * Reads one attempt's stream into token strings. A token is what the engine counts as one where it tells (usage in every
 * chunk); else a chunk with something in it is one token.
 */
export class AnswerReader {
  /** Token strings so far. */
  tokens = 0;
  #usage: Usage | null = null;
  #finish: string | null = null;
  #stopReason: TokenEnd['stopReason'];

  /**
   * @param most tokens that were asked for in this attempt; @param before those of earlier ones; @param isl of the prompt, as
   * estimated (src/contract/tokens.ts).
   */
  constructor(
    private readonly most: number,
    private readonly before: number,
    private readonly isl: number,
  ) {}

  /** The engine said why it stopped: nothing but usage may follow. */
  get finished(): boolean {
    return this.#finish !== null;
  }

  /**
   * Token strings of one event. Errors: `engine_protocol` on what no engine may send, the engine's own error as
   * `engine_failed` or `invalid_request`.
   */
  read(data: string): string[] {
    const chunk = parseJson(data);
    const plain = plainOf(chunk);
    if (plain === undefined) return this.#readAny(data, chunk);
    const { text, usage } = plain;
    if (text !== '') this.#mayGoOn();
    return this.#counted(text === '' ? [] : [writeToken({ text })], usage);
  }

  #readAny(data: string, chunk: unknown): string[] {
    const parsed = chunkSchema.safeParse(chunk);
    if (!parsed.success) throw lie(`sent ${describe(data, parsed.error)}`);
    const { choices, usage, error } = parsed.data;
    const bare = error ?? bareErrorSchema.safeParse(chunk).data;
    if (bare != null) throw engineError(bare);
    if (choices == null && usage == null) throw lie('sent a chunk with neither choices nor usage');
    const [choice] = choices ?? [];
    if ((choice?.index ?? 0) !== 0) throw lie(`sent a choice ${choice?.index} where one was asked for`);
    const made = choice === undefined ? [] : this.#entriesOf(choice);
    if (made.length > 0) this.#mayGoOn();
    const entries = this.#counted(made, isUsage(usage) ? usage : null);
    // Some servers send an empty reason in every chunk but the last.
    if (choice?.finish_reason) {
      this.#finish = choice.finish_reason;
      this.#stopReason = choice.stop_reason;
      if (this.#finish === 'abort' || this.#finish === 'error')
        throw new SluiceError('engine_failed', `the engine ended the request itself (${this.#finish})`);
    }
    return entries;
  }

  #mayGoOn(): void {
    if (this.finished) throw lie('sent more of the answer after its finish reason');
  }

  /** Counts the strings of one chunk, as many as its usage says: one for each token that came with another's text. */
  #counted(entries: string[], usage: Usage | null): string[] {
    if (usage !== null) this.#takeUsage(usage);
    this.tokens += entries.length;
    while (usage !== null && this.tokens < usage.completion_tokens) {
      entries.push('');
      this.tokens++;
    }
    if (this.tokens > this.most + SLACK)
      throw lie(`sent more than the ${this.most} tokens that it was asked for`);
    return entries;
  }

  /** The last string of the answer. Errors: `engine_failed` when the stream was cut before its end. */
  end(done: boolean): string {
    if (this.#finish === null && done && this.tokens === 0)
      throw new SluiceError(
        'engine_failed',
        'the engine ended its answer with no token and no finish reason',
      );
    if (this.#finish === null && !done)
      throw new SluiceError('engine_failed', `the engine's stream was cut after ${this.tokens} tokens`);
    const reason = finishReasonSchema.safeParse(this.#finish);
    const full = this.tokens >= this.most ? 'length' : 'stop';
    const usage = this.#usage;
    const end: TokenEnd = {
      finishReason: reason.success ? reason.data : full,
      usage:
        usage === null
          ? null
          : {
              // An attempt that goes on has what was emitted in its prompt.
              promptTokens: Math.max(1, usage.prompt_tokens - this.before),
              completionTokens: this.before + usage.completion_tokens,
            },
    };
    if (usage !== null) end.engineUsage = usage;
    if (this.#stopReason != null) end.stopReason = this.#stopReason;
    return writeToken({ end });
  }

  #takeUsage(usage: Usage): void {
    if (usage.completion_tokens > this.most + SLACK)
      throw lie(`counts ${usage.completion_tokens} tokens where it was asked for ${this.most}`);
    if (usage.prompt_tokens > MOST_TOKENS_PER_ESTIMATED * this.isl + MOST_UNSEEN)
      throw lie(`counts ${usage.prompt_tokens} prompt tokens where about ${this.isl} were sent`);
    if (usage.completion_tokens < (this.#usage?.completion_tokens ?? 0)) throw lie('counts tokens backwards');
    this.#usage = usage;
  }

  #entriesOf(choice: z.output<typeof choiceSchema>): string[] {
    const text = choice.delta?.content ?? choice.text ?? '';
    const { logprobs } = choice;
    let delta: Record<string, unknown> | undefined;
    for (const [key, value] of Object.entries(choice.delta ?? {})) {
      if (SILENT.has(key) || value == null || value === '' || (Array.isArray(value) && value.length === 0))
        continue;
      delta ??= {};
      delta[key] = value;
    }
    if (delta === undefined && logprobs == null) return text === '' ? [] : [writeToken({ text })];
    return [writeToken({ text, ...(delta && { delta }), ...(logprobs == null ? {} : { logprobs }) })];
  }
}

/** The data that ends a stream. */
export function isDone(data: string): boolean {
  return data.trim() === '[DONE]';
}

/** Whether an event's data is a part of an answer, whatever the event is named. */
export function isOfAnswer(data: string): boolean {
  if (isDone(data)) return true;
  const chunk = parseJson(data);
  return isRecord(chunk) && ('choices' in chunk || 'usage' in chunk || 'error' in chunk);
}

/**
 * What a chunk says that holds text and usage at most; undefined: it holds more, or is not well formed. Nearly every event
 * is such a chunk, and the schema's check of it costs more than its parsing.
 */
function plainOf(chunk: unknown): { text: string; usage: Usage | null } | undefined {
  if (!isRecord(chunk) || chunk.error != null) return undefined;
  const { choices } = chunk;
  const usage = chunk.usage ?? null;
  if (usage !== null && !isUsage(usage)) return undefined;
  if (!Array.isArray(choices) || choices.length !== 1) return undefined;
  const choice: unknown = choices[0];
  if (!isRecord(choice) || choice.stop_reason != null) return undefined;
  if (choice.finish_reason != null && choice.finish_reason !== '') return undefined;
  if (choice.logprobs != null || choice.index !== 0) return undefined;
  const { delta, text } = choice;
  if (delta === undefined && typeof text === 'string') return { text, usage };
  if (!isRecord(delta) || typeof delta.content !== 'string' || text != null) return undefined;
  for (const key in delta) if (!SILENT.has(key)) return undefined;
  return { text: delta.content, usage };
}

/** What `usageSchema` says, by hand, of usage that tells how many tokens were made. */
function isUsage(value: unknown): value is Usage {
  return isRecord(value) && isCount(value.prompt_tokens) && isCount(value.completion_tokens);
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MOST_COUNT;
}

function lie(what: string): SluiceError {
  return new SluiceError('engine_protocol', `the engine ${what}; the request was ended`);
}

/** An error within a stream, as vLLM sends it. */
function engineError(error: unknown): SluiceError {
  const parsed = errorSchema.safeParse(error);
  const { message, code } = parsed.success
    ? parsed.data
    : { message: JSON.stringify(error).slice(0, 200), code: 500 };
  const mine = Number(code) >= 400 && Number(code) < 500;
  return new SluiceError(
    mine ? 'invalid_request' : 'engine_failed',
    `the engine answered: ${message.slice(0, 500)}`,
  );
}

/** What was wrong with an event, without its text: that may be the user's. */
function describe(data: string, error: z.ZodError): string {
  const [issue] = error.issues;
  if (parseJson(data) === undefined) return `an event of ${data.length} characters that is not JSON`;
  return `a chunk with ${issue?.path.join('.') || 'no object'}: ${issue?.message}`;
}
