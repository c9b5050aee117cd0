import { policyOf } from '../../../src/planning/policy.js';
import type { ScalerInput } from '../../../src/simulator/run/scaler.js';
import { observation, T } from '../../planning/support.js';
import { roundProfile } from '../../support/profiles.js';
import { onePool } from '../run/support.js';

/** A pool of up to eight aggregated workers on `roundProfile`, each with room for `maxSequences`. */
export function scalerInput(
  fields: Parameters<typeof onePool>[0] = {},
  engine: Parameters<typeof onePool>[1] = {},
): ScalerInput {
  const config = onePool(fields, engine);
  const pool = config.pools.medium!;
  const policy = policyOf(config, pool, { prefill: 1, decode: 1 });
  return { pool, policy, profile: roundProfile, nowMs: T };
}

/** A fresh observation `after` seconds later than the scaler's begin, of requests of 1,000 + 50 tokens. */
export function seen(after: number, of: Parameters<typeof observation>[0] = {}) {
  const at = observation({ at: T + after * 1000, ...of });
  return { ...at, load: { ...at.load, isl: 1000, osl: 50 } };
}
