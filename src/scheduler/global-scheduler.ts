import {
  checkLengths,
  deadlinesOf,
  ownTargets,
  parseSubmission,
  requestedLevel,
} from '../admission/limits.js';
import type { Config, PoolConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import type { RoutedRequest } from '../contract/request.js';

/** Requests by pool since this scheduler began. */
export interface RouteCounts {
  routed: number;
  /** Ended other than completed. */
  failed: number;
  /** Routed and not ended yet. */
  active: number;
}

/**
 * Routes requests by (model, SLO level) to pools, and counts them. Holds no connection: what it returns is
 * dispatched by the pool's PoolRouter. This is the one place where a pool is chosen, so that spilling to another
 * pool has one place to go.
 */
export class GlobalScheduler {
  readonly #byModelLevel = new Map<string, PoolConfig>();
  readonly #counts = new Map<string, RouteCounts>();
  readonly #models = new Set<string>();
  readonly #levels = new Set<string>();
  #rejected = 0;

  constructor(readonly config: Config) {
    for (const pool of Object.values(config.pools)) {
      this.#byModelLevel.set(`${pool.model}\n${pool.level}`, pool);
      this.#counts.set(pool.name, { routed: 0, failed: 0, active: 0 });
      this.#models.add(pool.model);
      this.#levels.add(pool.level);
    }
  }

  /**
   * Validates a submission and decides its pool.
   * @param id request id to give it; @param nowMs Unix ms of acceptance.
   * Errors: `invalid_request`, `unknown_level`, `unknown_model`, `prompt_too_long`.
   */
  route(input: unknown, id: string, nowMs: number): RoutedRequest {
    try {
      const submission = parseSubmission(input);
      const pool = this.#poolFor(
        submission.model,
        requestedLevel(submission, this.#levels, this.config.defaultLevel),
      );
      const isl = checkLengths(submission, this.config);
      const { deadlineMs, expiresAtMs } = deadlinesOf(submission, pool, nowMs);
      const routed: RoutedRequest = {
        id: submission.id ?? id,
        level: pool.level,
        pool: pool.name,
        model: pool.model,
        prompt: submission.prompt,
        isl,
        maxTokens: submission.max_tokens,
        acceptedAtMs: nowMs,
        deadlineMs,
      };
      if (expiresAtMs !== undefined) routed.expiresAtMs = expiresAtMs;
      if (submission.deadline_ms !== undefined) routed.ownExpiry = true;
      const targets = ownTargets(submission);
      if (targets !== undefined) routed.targets = targets;
      if (submission.params !== undefined) routed.params = submission.params;
      return routed;
    } catch (error) {
      this.#rejected++;
      throw error;
    }
  }

  /** The pool that a submission asks for; null: none can be told from it. */
  poolOf(input: unknown): string | null {
    try {
      const { model, ...submission } = parseSubmission(input);
      return this.#poolFor(
        model,
        requestedLevel({ model, ...submission }, this.#levels, this.config.defaultLevel),
      ).name;
    } catch {
      return null;
    }
  }

  /** How important a level is, 1 the most; undefined: no pool serves it. */
  readonly rankOf = (level: string): number | undefined => {
    const ranks = Object.values(this.config.pools).filter((pool) => pool.level === level);
    return ranks.length === 0 ? undefined : Math.min(...ranks.map(({ priority }) => priority));
  };

  routed(pool: string): void {
    const counts = this.#countsOf(pool);
    counts.routed++;
    counts.active++;
  }

  ended(pool: string, completed: boolean): void {
    const counts = this.#countsOf(pool);
    counts.active--;
    if (!completed) counts.failed++;
  }

  counts(): { pools: Record<string, RouteCounts>; rejected: number } {
    return { pools: Object.fromEntries(this.#counts), rejected: this.#rejected };
  }

  #countsOf(pool: string): RouteCounts {
    const counts = this.#counts.get(pool);
    if (counts === undefined) throw new SluiceError('internal', `no pool named ${pool}`);
    return counts;
  }

  #poolFor(model: string | undefined, level: string): PoolConfig {
    const models = model === undefined ? [...this.#models] : [model];
    for (const name of models) {
      const pool = this.#byModelLevel.get(`${name}\n${level}`);
      if (pool !== undefined) return pool;
    }
    if (model !== undefined && !this.#models.has(model)) {
      throw new SluiceError(
        'unknown_model',
        `model: expected one of ${[...this.#models].join(', ')}, got ${JSON.stringify(model)}`,
      );
    }
    throw new SluiceError('unknown_level', `slo_level: model ${model} has no pool at level ${level}`);
  }
}
