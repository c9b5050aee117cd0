import { z } from 'zod';
import type { SluiceError } from '../../contract/errors.js';
import { parseJson } from '../../contract/reply.js';
import type { EngineLoad } from '../../contract/worker.js';
import { type Dialect, dialectOf } from './body.js';
import { Breaker } from './breaker.js';
import type { EngineClient } from './client.js';
import type { Beside, FirstTokenForecast } from './first-token.js';
import { readMetrics } from './metrics.js';
import { type Held, kvCapacity, type Limits, others, roomOf, type Sighting } from './room.js';

const ASK_LIMIT_MS = 5_000;
const METRICS_BYTES = 16 * 1024 * 1024;
const MODELS_BYTES = 4 * 1024 * 1024;
/** A path that a healthy server does not have is asked for again after so long: it may come. */
const ASK_AGAIN_MS = 30_000;
/** Of an engine that does not tell; vLLM's. */
export const BLOCK_TOKENS = 16;

const modelsSchema = z.looseObject({
  data: z.array(z.looseObject({ id: z.string(), owned_by: z.string().optional() })),
});

/** One server: what it says of itself, what this worker has on it, and whether it is to be asked. */
export class Endpoint {
  readonly held = new Set<Held>();
  dialect: Dialect = dialectOf(undefined);
  /** Why it is not to be asked; null: it is. */
  #unhealthy: string | null = 'it was not asked yet';
  #lastFailure = '';
  #seen: Sighting | null = null;
  /** Until then it is taken to have no /health, and is as healthy as its list of models. */
  #noHealthUntilMs = Number.NEGATIVE_INFINITY;
  #noMetricsUntilMs = Number.NEGATIVE_INFINITY;
  #identified = false;
  #refuses = false;
  readonly #breaker = new Breaker();

  constructor(
    readonly url: string,
    readonly client: EngineClient,
    /** Its name for the pool's model. */
    private readonly model: string,
    private readonly limits: Limits,
    private readonly now: () => number,
    /** null: the profile has no law for it. */
    private readonly firstTokens: FirstTokenForecast | null,
  ) {}

  /** Why it takes no request now; null: it does. */
  get trouble(): string | null {
    if (this.#unhealthy !== null) return `${this.url}: ${this.#unhealthy}`;
    return this.#breaker.allows(this.now()) ? null : `${this.url}: ${this.#lastFailure}`;
  }

  /** It is healthy, and a request that is under way will tell whether it serves again. */
  get trying(): boolean {
    return this.#unhealthy === null && this.#breaker.trying;
  }

  /** When last asked what it is, it answered that it is another; waiting hardly helps. */
  get refuses(): boolean {
    return this.#refuses;
  }

  /** Asks for health and load, and until it has told it once, for what it is. Never rejects. */
  async look(): Promise<void> {
    const asksLoad = this.#unhealthy !== null || this.now() >= this.#noMetricsUntilMs;
    const [healthy, status] = await Promise.all([
      this.#lookAtHealth(),
      asksLoad ? this.#lookAtLoad() : undefined,
    ]);
    // Before it is healthy, a 404 may come from what stands in front of it.
    if (healthy && status === 404) this.#noMetricsUntilMs = this.now() + ASK_AGAIN_MS;
    if (healthy && !this.#identified) await this.#identify();
  }

  room(tokens: number): number {
    return this.trouble === null ? roomOf(this.limits, this.#seen, this.held, tokens).room : 0;
  }

  places(tokens: number): number {
    return this.trouble === null ? roomOf(this.limits, this.#seen, this.held, tokens).places : 0;
  }

  /** From now until the first token of a prompt of `isl` tokens, ms; undefined: the profile does not tell. */
  firstTokenAfterMs(isl: number): number | undefined {
    return this.firstTokens?.afterMs(isl, this.#beside(), this.now());
  }

  take(held: Held): void {
    this.#breaker.sent();
    const { isl, made, transfers } = held;
    // A request that goes on has what was emitted in its prompt.
    if (!transfers) this.firstTokens?.sent(held, isl + made, this.#beside(), this.now());
    this.held.add(held);
  }

  /** A request's first tokens of this attempt have come. */
  answered(held: Held): void {
    this.#breaker.succeeded();
    this.firstTokens?.came(held, this.#beside(), this.now());
  }

  /** A request has ended. `failure`: null when it went well, undefined when that says nothing about the engine. */
  gave(held: Held, failure: SluiceError | null | undefined): void {
    this.held.delete(held);
    this.firstTokens?.gone(held, this.#beside(), this.now());
    if (failure === undefined) this.#breaker.undecided();
    else if (failure === null) this.#breaker.succeeded();
    else {
      this.#lastFailure = failure.message;
      this.#breaker.failed(held.id, this.now());
    }
  }

  load(): EngineLoad {
    const metrics = this.#seen?.metrics;
    const blockTokens = metrics?.blockTokens ?? BLOCK_TOKENS;
    const kv = kvCapacity(this.limits, this.#seen);
    const held = [...this.held];
    const waiting = held.filter(({ made }) => made === 0);
    const used =
      metrics === undefined ? held.reduce((sum, { isl, made }) => sum + isl + made, 0) : metrics.kvUsage * kv;
    return {
      maxSequences: this.limits.maxSequences,
      runningSequences: Math.round(metrics?.running ?? held.length - waiting.length),
      waitingSequences: Math.round(metrics?.waiting ?? waiting.length),
      totalKvBlocks: Math.floor(kv / blockTokens),
      usedKvBlocks: Math.floor(Math.min(used, kv) / blockTokens),
      blockTokens,
      waitingPrefillTokens: waiting.reduce((sum, { isl, transfers }) => sum + (transfers ? 0 : isl), 0),
      prefixHitRate: metrics?.prefixHitRate ?? null,
      generatedTokens: Math.round(metrics?.generatedTokens ?? 0),
      preemptions: Math.round(metrics?.preemptions ?? 0),
    };
  }

  /** What decodes there, and the prompts of others. */
  #beside(): Beside {
    const foreign = others(this.#seen, kvCapacity(this.limits, this.#seen));
    let sequences = foreign.requests - foreign.waiting;
    let kvTokens = foreign.tokens;
    for (const { isl, made } of this.held) {
      if (made === 0) continue;
      sequences++;
      kvTokens += isl + made;
    }
    return { sequences: Math.max(0, sequences), kvTokens, waiting: foreign.waiting };
  }

  /** Whether it is healthy. */
  async #lookAtHealth(): Promise<boolean> {
    try {
      let path = this.now() < this.#noHealthUntilMs ? '/v1/models' : '/health';
      let status = await this.#statusOf(path);
      if (status === 404 && path === '/health') {
        path = '/v1/models';
        status = await this.#statusOf(path);
        if (status === 200) this.#noHealthUntilMs = this.now() + ASK_AGAIN_MS;
      }
      const healthy = status === 200;
      if (!healthy) this.#unhealthy = `${path} answered ${status}`;
      else if (this.#identified) this.#unhealthy = null;
      return healthy;
    } catch (error) {
      this.#unhealthy = reasonOf(error);
      return false;
    }
  }

  async #statusOf(path: string): Promise<number> {
    try {
      return (await this.client.get(path, ASK_LIMIT_MS, MODELS_BYTES)).status;
    } catch (error) {
      throw new Error(`${path}: ${reasonOf(error)}`);
    }
  }

  /** Asks which models it serves, and so what it can beyond OpenAI's API; until it serves ours, it is not to be asked. */
  async #identify(): Promise<void> {
    try {
      const { status, text } = await this.client.get('/v1/models', ASK_LIMIT_MS, MODELS_BYTES);
      this.#unhealthy = this.#problemOfModels(status, text);
      this.#identified = this.#unhealthy === null;
      this.#refuses = this.#unhealthy !== null && status < 500;
    } catch (error) {
      this.#unhealthy = `/v1/models: ${reasonOf(error)}`;
    }
  }

  #problemOfModels(status: number, text: string): string | null {
    // A server without a list of models is taken at its word.
    if (status === 404 || status === 405) return null;
    const parsed = modelsSchema.safeParse(parseJson(text));
    if (status !== 200 || !parsed.success)
      return `/v1/models: expected a list of models, got status ${status}`;
    const { data } = parsed.data;
    const found = data.find(({ id }) => id === this.model);
    if (found === undefined) {
      const known = data.map(({ id }) => id).join(', ') || 'no model';
      return `serves ${known}, expected ${this.model}; set engine.served_model to its name for it`;
    }
    this.dialect = dialectOf(found.owned_by);
    return null;
  }

  /** Answers the status; undefined: none came. */
  async #lookAtLoad(): Promise<number | undefined> {
    try {
      const { status, text } = await this.client.get('/metrics', ASK_LIMIT_MS, METRICS_BYTES);
      const metrics = status === 200 ? readMetrics(text) : null;
      if (metrics === null) return status;
      let heldTokens = 0;
      let heldWaiting = 0;
      for (const { isl, made, transfers } of this.held) {
        if (made > 0) heldTokens += isl + made;
        else if (!transfers) heldWaiting++;
      }
      this.#seen = { metrics, held: this.held.size, heldTokens, heldWaiting };
      return status;
    } catch {
      // Its health says the rest; load that was known stands meanwhile.
      return undefined;
    }
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return error.message || code || error.name;
}
