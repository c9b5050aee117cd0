import type { OwnTimes } from '../../admission/prediction.js';
import type { Config, PoolConfig } from '../../config/types.js';
import type { RoutedRequest } from '../../contract/request.js';
import { workerSizes } from '../../gpu/worker-size.js';
import { chunkSeconds, lawFor, prefillTokensPerSecond } from '../../profile/law.js';
import { loadProfile } from '../../profile/load.js';
import type { Profile } from '../../profile/types.js';
import { sequencesWithinBudget, type WorkerModel, workerModel } from '../../profile/worker-model.js';

/** Mean lengths of recent requests, tokens. */
export interface Lengths {
  isl: number;
  osl: number;
}

/** What one worker of a pool does with its requests. */
export interface Capacity {
  /** Requests that it runs at once with mean ITL within target x buffer, and completes a second then. */
  sequences: number;
  rps: number;
  /** Prompt tokens/s of a worker that computes prompts, in an aggregated pool one that also decodes. */
  promptTokensPerSecond: number;
  /** The same of a worker that serves whole requests. */
  wholeTokensPerSecond: number;
  /** Of one request, on a worker as busy as that. */
  own: OwnTimes;
  /** GPU-seconds that the request takes up. */
  gpuSeconds: number;
}

/** An engine without a profile is taken to be as fast as is asked, until it shows what it does. */
const UNKNOWN: Capacity = {
  sequences: Number.POSITIVE_INFINITY,
  rps: Number.POSITIVE_INFINITY,
  promptTokensPerSecond: Number.POSITIVE_INFINITY,
  wholeTokensPerSecond: Number.POSITIVE_INFINITY,
  own: { firstTokenSeconds: 0, decodeSeconds: 0 },
  gpuSeconds: 0,
};

export type CapacityModels = ReadonlyMap<string, CapacityModel>;

/** By pool. Errors: `invalid_config` where a profile cannot be read or has no law for its pool's tensor parallelism. */
export function capacityModels({ pools }: Config): CapacityModels {
  return new Map(Object.values(pools).map((pool) => [pool.name, new CapacityModel(pool)]));
}

/** What each worker of a pool can do, from the profile of its engine; the planner sizes by the same model. */
export class CapacityModel {
  readonly #profile: Profile | null;
  readonly #tp: { prefill: number; decode: number };

  constructor(private readonly pool: PoolConfig) {
    const { engine } = pool;
    this.#profile = engine.kind === 'noop' ? null : loadProfile(engine.profile);
    const sizes = workerSizes(pool);
    this.#tp = { prefill: sizes.prefill.tp, decode: sizes.vllm.tp };
  }

  of({ isl, maxTokens }: Pick<RoutedRequest, 'isl' | 'maxTokens'>, lengths: Lengths): Capacity {
    const profile = this.#profile;
    const { engine, disaggregation } = this.pool;
    if (profile === null || engine.kind === 'noop') return UNKNOWN;
    const mean = { isl: Math.max(1, lengths.isl), osl: Math.max(1, lengths.osl) };
    const model = this.#model(profile, engine, isl, mean);
    const class_ = model.classes.at(-1);
    if (class_ === undefined || !(model.rps > 0)) return UNKNOWN;
    const tp = disaggregation.enabled !== false ? this.#tp.prefill : this.#tp.decode;
    // A pool that has no prefill worker because none is ready yet will soon; one that chooses its form may never.
    const wholeTp = disaggregation.enabled === 'auto' ? this.#tp.decode : tp;
    const osl = Math.min(maxTokens, mean.osl);
    const law = lawFor(profile, this.#tp.decode);
    // Steps go by tokens where their budget binds, else by the tokens that are made.
    const bound = model.sequences >= sequencesWithinBudget(engine.maxBatchedTokens, mean.isl, mean.osl);
    const part = bound ? (Math.max(1, isl) + osl - 1) / (mean.isl + mean.osl - 1) : osl / mean.osl;
    const steps = 1 / model.rps - chunkSeconds(law, 0, mean.isl);
    return {
      sequences: model.sequences,
      rps: model.rps,
      promptTokensPerSecond: prefillTokensPerSecond(profile, tp, mean.isl),
      wholeTokensPerSecond: prefillTokensPerSecond(profile, wholeTp, mean.isl),
      own: {
        firstTokenSeconds: class_.ownSeconds,
        decodeSeconds: Math.max(0, osl - 1) * model.itlSeconds,
      },
      // Its own prompt, and its part of what the steps take beside prompts for a mean request.
      gpuSeconds: (chunkSeconds(law, 0, isl) + steps * part) * this.#tp.decode,
    };
  }

  /** The last class is of this request and no share of the load. */
  #model(
    profile: Profile,
    engine: { maxSequences: number; maxBatchedTokens: number },
    isl: number,
    mean: Lengths,
  ): WorkerModel {
    const { targets, performanceBuffer, gpuMemoryUtilization } = this.pool;
    const target = {
      prompts: [
        { share: 1, tokens: mean.isl },
        { share: 0, tokens: isl },
      ],
      osl: mean.osl,
      gpuMemoryUtilization,
      maxSequences: engine.maxSequences,
      maxBatchedTokens: engine.maxBatchedTokens,
    };
    const itlSeconds = targets.itlSeconds * performanceBuffer;
    const within = workerModel(profile, this.#tp.decode, { ...target, itlSeconds });
    // An ITL that no batch keeps limits nothing.
    return within.rps > 0
      ? within
      : workerModel(profile, this.#tp.decode, { ...target, itlSeconds: Number.POSITIVE_INFINITY });
  }
}
