import type { OpenaiEngineConfig } from '../../../config/types.js';
import { SluiceError } from '../../../contract/errors.js';
import { endOf } from '../../../contract/openai.js';
import { estimateTokens } from '../../../contract/tokens.js';
import { Cancellation, type CancelSignal } from '../../../engines/cancellation.js';
import { OpenaiEngine } from '../../../engines/openai/engine.js';
import { type SteadyBatch, steadyBatch } from './steady.js';

/** Common words, each one token in most vocabularies, at most four letters long. */
const WORDS = (
  'the of and to in is that for it as was with be by on not he his but at are this have from or had an they one you ' +
  'were all her she when will who more no if out so said what up its any into than them can only new some time'
).split(' ');

export interface ProbeOptions {
  url: string;
  /** The server's name of the model. */
  model: string;
  apiKey: string | null;
  seed: number;
  /** Longest time of one request, seconds. */
  limitSeconds: number;
}

/** Sends requests to one server, alone or all at once, and takes their times. Needs a server that nobody else uses. */
export class Probe {
  #tokensPerWord = 1;
  #state: number;
  #requests = 0;

  private constructor(
    private readonly engine: OpenaiEngine,
    seed: number,
  ) {
    this.#state = seed >>> 0;
  }

  /** Errors: `engine_failed` when the server cannot be reached or does not serve the model. */
  static async open({ url, model, apiKey, seed, limitSeconds }: ProbeOptions): Promise<Probe> {
    const config: OpenaiEngineConfig = {
      kind: 'openai',
      profile: '',
      coldStartSeconds: 0,
      maxSequences: 65_536,
      maxBatchedTokens: 1_048_576,
      urls: [url],
      command: null,
      servedModel: model,
      apiKeyEnv: null,
      sendPriority: false,
      retries: 0,
      connectTimeoutSeconds: 5,
      firstTokenTimeoutSeconds: limitSeconds,
      tokenGapTimeoutSeconds: limitSeconds,
      startTimeoutSeconds: 10,
    };
    // Finer than Unix milliseconds: a token may take five of them.
    const now = () => performance.timeOrigin + performance.now();
    const engine = new OpenaiEngine({
      config,
      model,
      priority: 0,
      apiKey,
      kvTokens: 0,
      law: null,
      servers: [url],
      now,
      log: (message) => void process.stderr.write(`${message}\n`),
    });
    await engine.start(new AbortController().signal);
    return new Probe(engine, seed);
  }

  /** KV cache of the engine by its own word, tokens; 0: it does not tell. */
  get kvTokens(): number {
    const { totalKvBlocks, blockTokens } = this.engine.load();
    return totalKvBlocks * blockTokens;
  }

  /** One prompt of about `tokens` tokens on the idle engine: its length as the engine counts it, and its TTFT. */
  async alone(tokens: number): Promise<{ isl: number; ttftMs: number }> {
    const prompt = this.#prompt(tokens);
    const startedMs = performance.timeOrigin + performance.now();
    const { times, isl } = await this.#run(prompt, 1, new Cancellation());
    const words = this.#words(tokens);
    if (isl !== null) this.#tokensPerWord = isl / words;
    return { isl: isl ?? tokens, ttftMs: (times[0] ?? Number.NaN) - startedMs };
  }

  /**
   * `batch` prompts of `tokens` tokens at once, each to make at most `most` tokens; ended once all have made `window`
   * tokens while all of them decoded. null: their decoding hardly overlapped.
   */
  async together(batch: number, tokens: number, window: number, most: number): Promise<SteadyBatch | null> {
    const stop = new Cancellation();
    const times: number[][] = Array.from({ length: batch }, () => []);
    let begun = 0;
    let waiting = batch;
    const left = times.map(() => window);
    const onTokens = (i: number, count: number, first: boolean) => {
      if (first) begun++;
      const before = left[i] ?? 0;
      if (begun < batch || before <= 0) return;
      left[i] = before - count;
      if (before - count <= 0 && --waiting === 0) stop.abort(new Error('measured'));
    };
    const runs = times.map((own, i) =>
      this.#run(this.#prompt(tokens), most, stop, own, (count) => onTokens(i, count, own.length === count)),
    );
    await Promise.all(runs);
    return steadyBatch(times);
  }

  close(): Promise<void> {
    return this.engine.stop();
  }

  async #run(
    prompt: string,
    maxTokens: number,
    signal: CancelSignal,
    times: number[] = [],
    onTokens: (count: number) => void = () => {},
  ): Promise<{ times: number[]; isl: number | null }> {
    const id = `measure-${process.pid}-${this.#requests++}`;
    // To the last token, whatever the text comes to; a server that does not know the field ends where it ends.
    const params = { ignore_eos: true, temperature: 0 };
    const isl = estimateTokens(prompt);
    const request = { id, prompt, isl, maxTokens, emitted: [], phase: 'whole' as const, params };
    let counted: number | null = null;
    try {
      for await (const { tokens, atMs } of this.engine.generate(request, signal)) {
        const end = endOf(tokens);
        if (end !== undefined) counted = end.usage?.promptTokens ?? null;
        const made = end === undefined ? atMs : atMs.slice(0, -1);
        times.push(...made);
        if (made.length > 0) onTokens(made.length);
      }
    } catch (error) {
      if (!signal.aborted) throw SluiceError.from(error);
    }
    return { times, isl: counted };
  }

  #words(tokens: number): number {
    return Math.max(1, Math.round(tokens / this.#tokensPerWord));
  }

  /** A prompt that shares no beginning with another one, so that no prefix cache shortens it. */
  #prompt(tokens: number): string {
    return Array.from({ length: this.#words(tokens) }, () => WORDS[this.#random(WORDS.length)]).join(' ');
  }

  /** 0..below, below excluded (a linear congruential generator; Numerical Recipes). */
  #random(below: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * below);
  }
}
