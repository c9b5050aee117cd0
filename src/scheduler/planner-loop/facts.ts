import type { PoolConfig } from '../../config/types.js';
import { unreachable } from '../../contract/errors.js';
import type { PoolObservation } from '../../contract/observation.js';
import type { CapacityFacts } from '../../planning/policy.js';
import type { Replicas } from '../../planning/replicas.js';
import { workerCapacityRps } from '../../profile/capacity.js';
import { prefillTokensPerSecond } from '../../profile/law.js';
import type { Profile } from '../../profile/types.js';

/** A no-op engine answers at once; these figures only keep it from ever looking saturated. */
const NOOP: CapacityFacts = {
  rps: { prefill: 10_000, decode: 10_000 },
  prefillTokensPerSecond: 10_000_000,
  coldStartSeconds: 1,
};

/**
 * Capacity of one worker of each role for the lengths of recent requests (the expected ones until some were seen), from
 * the profile. `profile` is that of the pool's engine, null for an engine without one.
 */
export function capacityFacts(
  pool: PoolConfig,
  tp: Replicas,
  profile: Profile | null,
  load: PoolObservation['load'] | null,
): CapacityFacts {
  const { engine } = pool;
  switch (engine.kind) {
    case 'noop':
      return NOOP;
    case 'sim':
    case 'openai': {
      if (profile === null) return NOOP;
      const isl = Math.max(1, load?.isl ?? pool.expected.isl);
      const osl = Math.max(1, load?.osl ?? pool.expected.osl);
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
      const prefillTp = pool.disaggregation.enabled ? tp.prefill : tp.decode;
      return {
        rps: {
          prefill: workerCapacityRps(profile, tp.prefill, { ...target, osl: 1 }),
          decode: workerCapacityRps(profile, tp.decode, target),
        },
        prefillTokensPerSecond: prefillTokensPerSecond(profile, prefillTp, isl),
        coldStartSeconds: engine.coldStartSeconds,
      };
    }
    default:
      return unreachable(engine);
  }
}
