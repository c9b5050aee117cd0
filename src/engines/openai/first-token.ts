import { chunkSeconds, decodeSeconds, frontEndSeconds } from '../../profile/law.js';
import type { StepLaw } from '../../profile/types.js';

/** What an engine works on beside the prompts that this worker has waiting there. */
export interface Beside {
  /** Sequences that decode, and the KV tokens that they read. */
  sequences: number;
  kvTokens: number;
  /** Prompts of others that wait, of unknown length. */
  waiting: number;
}

interface Waiting {
  /** Prompt tokens that are to be computed. */
  tokens: number;
  /** Unix ms. */
  takenAtMs: number;
  /** As it was predicted then, ms. */
  afterMs: number;
}

/** Weight of one request's observed over predicted time in the correction, in the logarithm. */
const WEIGHT = 0.1;
/** The correction stays within these factors, and without requests it goes half of the way back to 1 in so long. */
const LEAST = Math.log(1 / 4);
const MOST = Math.log(2);
const HALF_MS = 60_000;

/**
 * Predicts when a server would give a prompt's first token, by the law of the pool's profile as the sim engine does
 * (engines/sim/core.ts): the rest of the step under way or the prompts that wait, whichever is longer, then its own, beside
 * what decodes, within the token budget M of a step. A server does not tell how far it is with its prompts, so a clock
 * keeps when those that this worker sent will be computed. What the law does not know (prefix caching, a slower host)
 * is learned from the first tokens that came: the logarithm of observed over predicted, with weight 0.1.
 */
export class FirstTokenForecast {
  readonly #waiting = new Map<object, Waiting>();
  /** When the prompts that wait are computed, Unix ms. */
  #clearMs = 0;
  /** Logarithm of the correction, as of a moment, Unix ms. */
  #bias = 0;
  #biasAtMs = 0;

  /** @param maxBatchedTokens M. */
  constructor(
    private readonly law: StepLaw,
    private readonly maxBatchedTokens: number,
  ) {}

  /** From `nowMs` until the first token of a prompt of `tokens`, ms, if it were sent now. */
  afterMs(tokens: number, beside: Beside, nowMs: number): number {
    const room = this.#room(beside);
    const own = chunkSeconds(this.law, 0, tokens) + Math.ceil(tokens / room) * this.#step(beside);
    return this.#beginMs(tokens, beside, nowMs) + this.#factor(nowMs) * own * 1000;
  }

  /** A request was sent, whose prompt waits from now on. `request`: its identity. */
  sent(request: object, tokens: number, beside: Beside, nowMs: number): void {
    const afterMs = this.afterMs(tokens, beside, nowMs);
    const begin = this.#beginMs(tokens, { ...beside, waiting: 0 }, nowMs);
    this.#clearMs = nowMs + begin + this.#workMs(tokens, beside, nowMs);
    this.#waiting.set(request, { tokens, takenAtMs: nowMs, afterMs });
  }

  /** Its first token came. */
  came(request: object, beside: Beside, nowMs: number): void {
    const one = this.#waiting.get(request);
    if (one === undefined) return;
    const ratio = Math.max(1, nowMs - one.takenAtMs) / Math.max(1, one.afterMs);
    this.#bias = Math.min(MOST, Math.max(LEAST, this.#biasAt(nowMs) + WEIGHT * Math.log(ratio)));
    this.#biasAtMs = nowMs;
    this.gone(request, beside, nowMs);
  }

  /** It waits no longer, for whatever reason. */
  gone(request: object, beside: Beside, nowMs: number): void {
    if (!this.#waiting.delete(request)) return;
    let left = 0;
    for (const { tokens } of this.#waiting.values()) left += this.#workMs(tokens, beside, nowMs);
    this.#clearMs = nowMs + left;
  }

  /** The front end, the rest of the step under way (half of one), or the prompts before it: the longest. */
  #beginMs(tokens: number, beside: Beside, nowMs: number): number {
    const ahead = Math.max(0, this.#clearMs - nowMs) + beside.waiting * this.#workMs(tokens, beside, nowMs);
    const busy = beside.sequences > 0 || ahead > 0;
    const rest = Math.max(frontEndSeconds(this.law), busy ? this.#step(beside) / 2 : 0);
    return Math.max(this.#factor(nowMs) * rest * 1000, ahead);
  }

  /** What a prompt takes of the engine's time, ms: its compute, and its part of each step's fixed one. */
  #workMs(tokens: number, beside: Beside, nowMs: number): number {
    const seconds = chunkSeconds(this.law, 0, tokens) + (tokens / this.#room(beside)) * this.#step(beside);
    return this.#factor(nowMs) * seconds * 1000;
  }

  /** Prompt tokens that a step takes beside what decodes. */
  #room({ sequences }: Beside): number {
    return Math.max(1, this.maxBatchedTokens - sequences);
  }

  /** Duration of a step without prompts, seconds. */
  #step({ sequences, kvTokens }: Beside): number {
    return this.law.itl[0] + decodeSeconds(this.law, sequences, kvTokens);
  }

  #factor(nowMs: number): number {
    return Math.exp(this.#biasAt(nowMs));
  }

  #biasAt(nowMs: number): number {
    return this.#bias * 0.5 ** (Math.max(0, nowMs - this.#biasAtMs) / HALF_MS);
  }
}
