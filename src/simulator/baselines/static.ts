import type { PoolPolicy } from '../../planning/policy.js';
import { floorOf, type Replicas, trim } from '../../planning/replicas.js';
import type { ScalerInput } from '../run/scaler.js';
import type { BaselinePolicy } from './policy.js';
import { TargetScaler, type Want } from './target-scaler.js';

/** A fleet that never changes. Fewer workers than the pool's floor are the floor. */
export class StaticScaler extends TargetScaler {
  readonly #want: Want;

  constructor(input: ScalerInput, replicas: Replicas) {
    super(input);
    this.#want = { replicas, reason: 'a fixed fleet' };
  }

  protected want(): Want {
    return this.#want;
  }
}

/** The most workers that the pool's limits allow; with disaggregation the prefill workers it holds, the rest decode. */
export function fullFleet(policy: PoolPolicy): Replicas {
  const { prefill } = floorOf(1, policy);
  let decode = 1;
  while (trim({ prefill, decode: decode + 1 }, policy).decode === decode + 1) decode++;
  return trim({ prefill, decode }, policy);
}

export const staticFull: BaselinePolicy = {
  name: 'static-full',
  title: 'the whole budget all the time',
  source: 'static provisioning for the peak, the reference of every fraction in a report',
  grid: [{}],
  create: (input) => new StaticScaler(input, fullFleet(input.policy)),
};
