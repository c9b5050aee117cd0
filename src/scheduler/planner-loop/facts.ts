import type { EngineConfig, PoolConfig } from '../../config/types.js';
import { unreachable } from '../../contract/errors.js';
import { type PoolObservation, PROMPT_SHARES } from '../../contract/observation.js';
import { explainFeasibility, poolQuestion } from '../../planning/feasibility/pool.js';
import type { RequestMix } from '../../planning/load-watch.js';
import type { CapacityFacts } from '../../planning/policy.js';
import type { Replicas } from '../../planning/replicas.js';
import { workerCapacityRps } from '../../profile/capacity.js';
import { type Halves, halfModels } from '../../profile/halves.js';
import { prefillTokensPerSecond } from '../../profile/law.js';
import type { Profile } from '../../profile/types.js';
import { type WorkerModelTarget, workerModel } from '../../profile/worker-model.js';

/** A no-op engine answers at once; these figures only keep it from ever looking saturated. */
const NOOP: CapacityFacts = {
  rps: { prefill: 10_000, decode: 10_000 },
  prefillTokensPerSecond: 10_000_000,
  coldStartSeconds: 1,
  model: null,
};

/** Requests that stand for all, so that each class of prompts has a whole number of them. */
const SAMPLE = 200;

/**
 * Capacity of one worker of each role for the lengths of recent requests (the expected ones until some were seen), from
 * the profile. `profile` is that of the pool's engine, null for an engine without one.
 */
export function capacityFacts(
  pool: PoolConfig,
  tp: Replicas,
  profile: Profile | null,
  load: PoolObservation['load'] | null,
  mix: RequestMix | null = null,
): CapacityFacts {
  const { engine } = pool;
  switch (engine.kind) {
    case 'noop':
      return NOOP;
    case 'sim':
    case 'openai': {
      if (profile === null) return NOOP;
      const isl = Math.max(1, meanPrompt(mix) ?? load?.isl ?? pool.expected.isl);
      const osl = Math.max(1, mix?.osl ?? load?.osl ?? pool.expected.osl);
      const target = {
        isl,
        osl,
        ttftSeconds: pool.targets.ttftSeconds * pool.performanceBuffer,
        itlSeconds: pool.targets.itlSeconds * pool.performanceBuffer,
        gpuMemoryUtilization: pool.gpuMemoryUtilization,
        maxSequences: engine.maxSequences,
        maxBatchedTokens: engine.maxBatchedTokens,
      };
      // An aggregated worker prefills too; in a disaggregated pool this understates the decode half a little.
      const prefillTp = pool.disaggregation.enabled === true ? tp.prefill : tp.decode;
      const rps = {
        prefill: workerCapacityRps(profile, tp.prefill, { ...target, osl: 1 }),
        decode: workerCapacityRps(profile, tp.decode, target),
      };
      const known = {
        prompts: mix?.prompts ?? load?.prompts ?? PROMPT_SHARES.map(() => isl),
        osl: mix?.osl ?? osl,
      };
      const halves = halvesOf(pool, engine, tp, profile, known);
      const infeasible = outOfReach(pool, tp, profile, known);
      return {
        ...(infeasible === null ? {} : { infeasible }),
        rps,
        prefillTokensPerSecond: prefillTokensPerSecond(profile, prefillTp, isl),
        coldStartSeconds: engine.coldStartSeconds,
        model: modelOf(pool, engine, tp, profile, known),
        ...(halves === null
          ? {}
          : {
              halves: {
                rps: { prefill: rps.prefill / halves.split, decode: halves.decode.rps },
                prefillTokensPerSecond: prefillTokensPerSecond(profile, tp.prefill, isl),
                model: halves,
              },
            }),
      };
    }
    default:
      return unreachable(engine);
  }
}

/** Why requests of these lengths cannot have the pool's promise, and what would help; null: they can. */
function outOfReach(pool: PoolConfig, tp: Replicas, profile: Profile, mix: RequestMix): string | null {
  const osl = Math.max(1, Math.round(mix.osl));
  const sample = PROMPT_SHARES.flatMap((share, k) =>
    Array.from({ length: Math.round(share * SAMPLE) }, () => ({
      isl: Math.max(1, Math.round(mix.prompts[k] ?? pool.expected.isl)),
      osl,
    })),
  );
  const question = poolQuestion(pool, profile, tp, { sample, rps: null });
  if (question === null) return null;
  const { verdict, sentence } = explainFeasibility(question);
  return verdict.feasible ? null : sentence;
}

function meanPrompt(mix: RequestMix | null): number | null {
  return mix === null
    ? null
    : PROMPT_SHARES.reduce((sum, share, k) => sum + share * (mix.prompts[k] ?? 0), 0);
}

function modelOf(
  pool: PoolConfig,
  engine: Exclude<EngineConfig, { kind: 'noop' }>,
  tp: Replicas,
  profile: Profile,
  mix: RequestMix,
): CapacityFacts['model'] {
  const target = modelTarget(pool, engine, mix);
  return {
    prefill: workerModel(profile, tp.prefill, { ...target, osl: 1 }),
    decode: workerModel(profile, tp.decode, target),
  };
}

/** Null: the pool does not choose its form, or no prompt is long enough. */
function halvesOf(
  pool: PoolConfig,
  engine: Exclude<EngineConfig, { kind: 'noop' }>,
  tp: Replicas,
  profile: Profile,
  mix: RequestMix,
): Halves | null {
  const { enabled, minPromptTokens } = pool.disaggregation;
  if (enabled !== 'auto') return null;
  return halfModels(profile, tp, { ...modelTarget(pool, engine, mix), minPromptTokens });
}

function modelTarget(
  pool: PoolConfig,
  engine: Exclude<EngineConfig, { kind: 'noop' }>,
  mix: RequestMix,
): WorkerModelTarget {
  return {
    prompts: PROMPT_SHARES.map((share, k) => ({
      share,
      tokens: Math.max(1, mix.prompts[k] ?? pool.expected.isl),
    })),
    osl: Math.max(1, mix.osl),
    itlSeconds: pool.targets.itlSeconds * pool.performanceBuffer,
    gpuMemoryUtilization: pool.gpuMemoryUtilization,
    maxSequences: engine.maxSequences,
    maxBatchedTokens: engine.maxBatchedTokens,
  };
}

/** Cold start of a pool's engine before one was measured, seconds. */
export function configuredColdStart({ engine }: PoolConfig): number {
  return engine.kind === 'noop' ? NOOP.coldStartSeconds : engine.coldStartSeconds;
}
