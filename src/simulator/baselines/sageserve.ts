import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import { shareOf } from './metrics.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  /** Memory utilisation above which an instance is added, below which one is taken away: 0..1. */
  scaleUpAbove: 0.7,
  scaleDownBelow: 0.3,
  cooldownSeconds: 15,
  /** 1: the thresholds are shares of the memory utilisation at the profile's capacity. */
  ofCapacity: 0,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

/** The thresholds are checked with each request upstream, here with each look. */
export const EVERY_LOOK = 0;

/** One instance more or fewer by memory utilisation, 0: none. */
export function memoryStep(
  usage: number,
  { scaleUpAbove, scaleDownBelow }: Pick<Constants, 'scaleUpAbove' | 'scaleDownBelow'>,
): -1 | 0 | 1 {
  if (usage > scaleUpAbove) return 1;
  return usage < scaleDownBelow ? -1 : 0;
}

/** Memory utilisation as the thresholds mean it; null: unknown. */
export function memoryUsage(model: WorkerModel, { seen, ready }: Look, ofCapacity: boolean): number | null {
  const { kvUsage } = seen.load;
  return ready === 0 ? null : shareOf(kvUsage, ofCapacity ? model.kvUsageAt(seen, 1) : 1);
}

class Reactive implements ScalingRule {
  readonly #model: WorkerModel;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    input: ScalerInput,
    private readonly constants: Constants,
  ) {
    this.#model = new WorkerModel(input);
  }

  wish(look: Look): Wish | null {
    if (look.nowMs < this.#restUntilMs) return null;
    const usage = memoryUsage(this.#model, look, this.constants.ofCapacity > 0);
    const step = usage === null ? 0 : memoryStep(usage, this.constants);
    if (usage === null || step === 0) return null;
    this.#restUntilMs = look.nowMs + this.constants.cooldownSeconds * 1000;
    return { decode: look.ordered + step, why: `memory utilisation ${usage.toFixed(3)}` };
  }
}

/**
 * The reactive baseline of SageServe: one instance more above 70 % memory utilisation, one fewer below 30 %, then 15 s of
 * cooldown. Source: Jaiswal et al., "SageServe", Proc. ACM Meas. Anal. Comput. Syst. 9 (3) 61, arXiv 2502.14617, its
 * reactive baseline; kjain1810/SageServe arbiter.py (BasicArbiter), whose code has 50 % and 25 % and waits for the
 * instance to be up, which the grid tries. Memory is the KV cache of the ready workers; requests that wait in front
 * of them count as demand, in the policy's favour. Instances are added while others still start, as published.
 */
export const sageserveReactive: BaselinePolicy = {
  name: 'sageserve-reactive',
  title: 'SageServe reactive',
  source: 'arXiv 2502.14617; kjain1810/SageServe arbiter.py (BasicArbiter)',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, scaleUpAbove: 0.5, scaleDownBelow: 0.25 },
    { ...PUBLISHED, ofCapacity: 1 },
    { ...PUBLISHED, ofCapacity: 1, cooldownSeconds: 60 },
    { ...PUBLISHED, ofCapacity: 1, scaleDownBelow: 0.5, cooldownSeconds: 60 },
  ],
  create(input, given) {
    const constants = constantsOf('sageserve-reactive', PUBLISHED, given);
    const options = { intervalSeconds: EVERY_LOOK, minReplicas: 1 };
    return new RuleScaler(input, options, new Reactive(input, constants));
  },
};
