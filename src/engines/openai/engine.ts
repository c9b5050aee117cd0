import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenaiEngineConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { writeToken } from '../../contract/openai.js';
import type { EngineLoad } from '../../contract/worker.js';
import type { StepLaw } from '../../profile/types.js';
import { attemptId } from '../attempt-id.js';
import type { CancelSignal } from '../cancellation.js';
import type { Engine, EngineCondition, EngineRequest, TokenBatch } from '../engine.js';
import { AnswerReader } from './answer-reader.js';
import { Attempt } from './attempt.js';
import { askOf } from './body.js';
import type { EngineProcess } from './child.js';
import { EngineClient, unreachable } from './client.js';
import { BLOCK_TOKENS, Endpoint } from './endpoint.js';
import { FirstTokenForecast } from './first-token.js';
import { pause } from './pause.js';
import { prefill } from './prefill.js';
import type { Held } from './room.js';
import { sumOfLoads } from './sum-loads.js';

export interface OpenaiEngineOptions {
  config: OpenaiEngineConfig;
  /** The pool's. */
  model: string;
  priority: number;
  apiKey: string | null;
  /** KV cache of one server where it does not tell, tokens. */
  kvTokens: number;
  /** By which first tokens are predicted; null: they are not. */
  law: StepLaw | null;
  /** Servers that run already, or how to start one: its address, and its process. */
  servers: readonly string[] | (() => Promise<{ url: string; process: EngineProcess }>);
  /** Unix ms. */
  now?: () => number;
  /** Takes what only an operator may see. */
  log?: (message: string) => void;
}

const LOOK_EVERY_MS = 1_000;
const START_LOOK_MS = 200;
/** Without a server to ask for so long, the worker gives up and is started anew, with its engine. */
const DOWN_LIMIT_MS = 30_000;
const RETRY_MS = 100;

/** Any OpenAI-compatible server, or several, as one worker's engine. docs/engines.md says what it can and cannot. */
export class OpenaiEngine implements Engine {
  #endpoints: Endpoint[] = [];
  #process: EngineProcess | undefined;
  readonly #attempts = new Set<{ fail(error: unknown): void }>();
  readonly #roomListeners: (() => void)[] = [];
  readonly #conditionListeners: ((condition: EngineCondition, why: string) => void)[] = [];
  readonly #now: () => number;
  readonly #model: string;
  #looks: NodeJS.Timeout | undefined;
  #condition: EngineCondition = 'up';
  #downSinceMs = 0;

  constructor(private readonly options: OpenaiEngineOptions) {
    this.#now = options.now ?? Date.now;
    this.#model = options.config.servedModel ?? options.model;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { servers } = this.options;
    if (typeof servers === 'function') {
      const { url, process } = await servers();
      this.#process = process;
      this.#endpoints = [this.#endpoint(url)];
    } else this.#endpoints = servers.map((url) => this.#endpoint(url));
    let ended: string | undefined;
    this.#process?.ended.then((how) => {
      ended = how;
    });
    const giveUpMs = this.#now() + this.options.config.startTimeoutSeconds * 1000;
    for (;;) {
      signal.throwIfAborted();
      if (ended !== undefined) throw this.#notStarted(`it ended with ${ended}`);
      await Promise.all(this.#endpoints.map((endpoint) => endpoint.look()));
      signal.throwIfAborted();
      if (this.#endpoints.some(({ trouble }) => trouble === null)) break;
      if (this.#now() > giveUpMs || this.#endpoints.every(({ refuses }) => refuses))
        throw this.#notStarted(this.#trouble());
      await sleep(START_LOOK_MS, undefined, { signal }).catch(() => {});
    }
    this.#process?.ended.then((how) => this.#become('gone', `the engine ended by itself: ${how}`));
    this.#looks = setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  async *generate(request: EngineRequest, signal: CancelSignal): AsyncGenerator<TokenBatch> {
    signal.throwIfAborted();
    const emitted = [...request.emitted];
    // What goes on after some tokens computes its KV anew.
    let transfer = emitted.length === 0 ? request.transfer : undefined;
    for (let attempt = 0; ; attempt++) {
      try {
        for await (const batch of this.#attempt({ ...request, emitted, transfer }, signal)) {
          for (const token of batch.tokens) emitted.push(token);
          yield batch;
        }
        return;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const failure = SluiceError.from(error);
        if (failure.code !== 'engine_failed' || attempt >= this.options.config.retries) throw failure;
        if (this.#condition === 'gone') throw failure;
        // KV that could not be fetched is computed anew.
        transfer = undefined;
        await pause(RETRY_MS * 2 ** attempt, signal);
      }
    }
  }

  load(): EngineLoad {
    const [first = this.#unstarted(), ...others] = this.#endpoints.map((endpoint) => endpoint.load());
    return others.length === 0 ? first : sumOfLoads(first, others);
  }

  #unstarted(): EngineLoad {
    const { config, kvTokens } = this.options;
    const nothing = { runningSequences: 0, waitingSequences: 0, usedKvBlocks: 0, waitingPrefillTokens: 0 };
    const kv = { totalKvBlocks: Math.floor(kvTokens / BLOCK_TOKENS), blockTokens: BLOCK_TOKENS };
    const since = { prefixHitRate: null, generatedTokens: 0, preemptions: 0 };
    return { maxSequences: config.maxSequences, ...nothing, ...kv, ...since };
  }

  room(tokens: number): number {
    if (this.#condition === 'gone') return 0;
    return this.#endpoints.reduce((sum, endpoint) => sum + endpoint.room(tokens), 0);
  }

  places(tokens: number): number {
    if (this.#condition === 'gone') return 0;
    return this.#endpoints.reduce((sum, endpoint) => sum + endpoint.places(tokens), 0);
  }

  held(): number {
    return this.#endpoints.reduce((sum, endpoint) => sum + endpoint.held.size, 0);
  }

  /** Of the server that would be asked. */
  firstTokenAfterMs(isl: number): number | undefined {
    return this.#best(isl)?.firstTokenAfterMs(isl);
  }

  onRoom(listener: () => void): void {
    this.#roomListeners.push(listener);
  }

  onCondition(listener: (condition: EngineCondition, why: string) => void): void {
    this.#conditionListeners.push(listener);
  }

  lastLines(): string[] {
    return this.#process?.lastLines() ?? [];
  }

  async stop({ now } = { now: false }): Promise<void> {
    clearInterval(this.#looks);
    this.#condition = 'gone';
    this.#failAll(new SluiceError('engine_failed', 'the engine was stopped while the request ran'));
    await this.#process?.stop({ now });
    await Promise.all(this.#endpoints.map(({ client }) => client.close()));
  }

  async *#attempt(request: EngineRequest, signal: CancelSignal): AsyncGenerator<TokenBatch> {
    const { config, model: _, ...rest } = this.options;
    const { emitted, maxTokens, isl, phase } = request;
    // Cut between its last token and the word of its end.
    if (emitted.length >= maxTokens) {
      yield { tokens: [writeToken({ end: { finishReason: 'length', usage: null } })], atMs: [this.#now()] };
      return;
    }
    const endpoint = this.#pick(isl + maxTokens);
    const shaping = { config, model: this.#model, priority: rest.priority, dialect: endpoint.dialect };
    const ask = askOf(request, shaping);
    const name =
      emitted.length === 0 ? request.id : attemptId(request.id, emitted.length, randomUUID().slice(0, 8));
    const transfers = request.transfer !== undefined;
    const held: Held = { id: request.id, isl, maxTokens, made: emitted.length, transfers };
    endpoint.take(held);
    const limits = {
      firstTokenMs: config.firstTokenTimeoutSeconds * 1000,
      gapMs: config.tokenGapTimeoutSeconds * 1000,
    };
    const work =
      phase === 'prefill'
        ? prefill(endpoint.client, ask, name, limits.firstTokenMs)
        : new Attempt(
            {
              reader: new AnswerReader(
                maxTokens - emitted.length + ask.repeats,
                emitted.length - ask.repeats,
                isl + emitted.length,
              ),
              repeated: emitted.slice(0, ask.repeats),
              now: this.#now,
              ...limits,
            },
            (abort) => endpoint.client.post(ask.path, ask.body, name, 'text/event-stream', abort),
          );
    const onAbort = () => work.fail(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#attempts.add(work);
    let outcome: SluiceError | null | undefined;
    try {
      let answered = false;
      for await (const batch of work) {
        if (!answered) endpoint.answered(held);
        answered = true;
        const first = held.made === 0;
        held.made += batch.tokens.length;
        if (first) this.#tellRoom();
        yield batch;
      }
      outcome = null;
    } catch (error) {
      const { code, message } = error instanceof SluiceError ? error : unreachable(error);
      const failure = new SluiceError(code, endpoint.client.withoutKey(message), { cause: error });
      // KV that cannot be fetched may be the fault of the engine that had it: the next attempt, without it, says more.
      if (!signal.aborted && !held.transfers && failure.code === 'engine_failed') outcome = failure;
      throw failure;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#attempts.delete(work);
      work.fail(new Error('not wanted any more'));
      endpoint.gave(held, outcome);
      this.#judge();
    }
  }

  /** The server that is asked next. Errors: `engine_failed` when none is to be asked. */
  #pick(tokens: number): Endpoint {
    const best = this.#best(tokens);
    if (best === undefined) throw new SluiceError('engine_failed', `no engine to ask: ${this.#trouble()}`);
    return best;
  }

  /** The server with the most room for a request of so many KV tokens. */
  #best(tokens: number): Endpoint | undefined {
    let best: Endpoint | undefined;
    let most = Number.NEGATIVE_INFINITY;
    for (const endpoint of this.#endpoints) {
      if (endpoint.trouble !== null) continue;
      const room = endpoint.room(tokens) - endpoint.held.size / 1e6;
      if (room > most) [best, most] = [endpoint, room];
    }
    return best;
  }

  #endpoint(url: string): Endpoint {
    const { config, apiKey, kvTokens, law } = this.options;
    const client = new EngineClient({
      url,
      apiKey,
      connectTimeoutMs: config.connectTimeoutSeconds * 1000,
      headTimeoutMs: config.firstTokenTimeoutSeconds * 1000,
      onKeyRefused: (said) => this.options.log?.(`${url}: ${said}`),
    });
    const { maxSequences, maxBatchedTokens } = config;
    const firstTokens = law === null ? null : new FirstTokenForecast(law, maxBatchedTokens);
    return new Endpoint(
      url,
      client,
      this.#model,
      { maxSequences, maxBatchedTokens, kvTokens },
      this.#now,
      firstTokens,
    );
  }

  async #look(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.look()));
    this.#judge();
    this.#tellRoom();
  }

  #judge(): void {
    if (this.#condition === 'gone') return;
    const up = this.#endpoints.some(({ trouble }) => trouble === null);
    if (up) this.#become('up', 'it answers again');
    else if (this.#condition === 'up') {
      this.#downSinceMs = this.#now();
      this.#become('down', this.#trouble());
    } else if (
      this.#now() - this.#downSinceMs > DOWN_LIMIT_MS &&
      !this.#endpoints.some(({ trying }) => trying)
    ) {
      this.#become('gone', `no engine to ask for ${DOWN_LIMIT_MS / 1000} s: ${this.#trouble()}`);
    }
  }

  #become(condition: EngineCondition, why: string): void {
    if (this.#condition === condition || this.#condition === 'gone') return;
    this.#condition = condition;
    // First of all nothing more is taken; then the requests end, which may be taken again elsewhere.
    for (const listener of this.#conditionListeners) listener(condition, why);
    if (condition === 'gone') this.#failAll(new SluiceError('engine_failed', why));
    this.#tellRoom();
  }

  #failAll(error: SluiceError): void {
    for (const attempt of [...this.#attempts]) attempt.fail(error);
  }

  #trouble(): string {
    return this.#endpoints.flatMap(({ trouble }) => trouble ?? []).join('; ');
  }

  #tellRoom(): void {
    for (const listener of this.#roomListeners) listener();
  }

  #notStarted(why: string): SluiceError {
    const lines = this.lastLines();
    const said = lines.length === 0 ? '' : `; it last said: ${lines.slice(-3).join(' | ')}`;
    return new SluiceError('engine_failed', `the engine did not start: ${why}${said}`);
  }
}
