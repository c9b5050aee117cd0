import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { SampleWindow } from './windows.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  resyncSeconds: 10,
  windowSeconds: 30,
  /** Share of the KV cache in use. */
  kvTarget: 0.5,
  /** Above 0: the KV usage at that share of the load that a pod sustains, instead of `kvTarget`. */
  kvLoad: 0,
  upTolerance: 0.1,
  downTolerance: 0.2,
  maxScaleUpRate: 2,
  maxScaleDownRate: 2,
  downCooldownSeconds: 300,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

/**
 * computeTargetReplicas: outside the tolerances ceil(current x use / target), at most ceil(up rate x current), at
 * least floor(current / down rate); inside them the current number.
 */
export function apaReplicas(
  use: number,
  target: number,
  current: number,
  constants: Pick<Constants, 'upTolerance' | 'downTolerance' | 'maxScaleUpRate' | 'maxScaleDownRate'>,
): number {
  const ratio = use / target;
  const wanted = Math.ceil(current * ratio);
  if (ratio > 1 + constants.upTolerance)
    return Math.min(wanted, Math.ceil(constants.maxScaleUpRate * current));
  if (ratio < 1 - constants.downTolerance)
    return Math.max(wanted, Math.floor(current / constants.maxScaleDownRate));
  return current;
}

/**
 * applyPendingReplicaGuard: while pods start, a change is computed anew with them at no use (up) or on target (down), and
 * never goes beyond the first answer or across the current number.
 */
export function guardPending(
  wanted: number,
  use: number,
  target: number,
  { current, ready }: { current: number; ready: number },
): number {
  const pending = current - Math.min(ready, current);
  if (pending === 0 || wanted === current || current === 0) return wanted;
  const up = wanted > current;
  const adjusted = (use * (current - pending) + (up ? 0 : target * pending)) / current;
  const again = Math.ceil((current * adjusted) / target);
  return up ? Math.min(Math.max(again, current), wanted) : Math.max(Math.min(again, current), wanted);
}

/**
 * stabilizeRecommendation. Known fault, kept: on the way down it takes the lowest recommendation of the window, where a
 * cooldown would take the highest, so a fleet that has just grown can fall back to what it was before.
 */
export function cooledDown(wanted: number, current: number, lately: readonly number[]): number {
  return wanted < current ? Math.min(wanted, ...lately) : wanted;
}

class Apa implements ScalingRule {
  readonly #window: SampleWindow;
  readonly #recommended: SampleWindow;
  readonly #model: WorkerModel;

  constructor(
    input: ScalerInput,
    private readonly constants: Constants,
  ) {
    this.#window = new SampleWindow(constants.windowSeconds);
    this.#recommended = new SampleWindow(constants.downCooldownSeconds);
    this.#model = new WorkerModel(input);
  }

  watch({ seen, nowMs }: Look): void {
    const use = this.#model.kvUsage(seen);
    if (use !== null) this.#window.add(nowMs, use);
  }

  wish(look: Look): Wish | null {
    const { nowMs, ordered: current, ready } = look;
    const use = this.#window.mean(nowMs);
    const target = this.#target(look);
    if (use === null || ready === 0 || target <= 0) return null;
    const wanted = guardPending(apaReplicas(use, target, current, this.constants), use, target, {
      current,
      ready,
    });
    this.#recommended.add(nowMs, wanted);
    const decode = cooledDown(wanted, current, this.#recommended.last(nowMs));
    return { decode, why: `KV usage ${use.toFixed(3)}, target ${target.toFixed(3)}` };
  }

  #target({ seen }: Look): number {
    const { kvTarget, kvLoad } = this.constants;
    return kvLoad === 0 ? kvTarget : this.#model.kvUsageAt(seen, kvLoad);
  }
}

/**
 * AIBrix's APA. Source: vllm-project/aibrix pkg/controller/podautoscaler: algorithm/apa.go (computeTargetReplicas),
 * autoscaler.go (applyPendingReplicaGuard), podautoscaler_controller.go (resync 10 s, stabilizeRecommendation),
 * context/context.go (rates 2, cooldown down 300 s). Metric, target, window and tolerances of samples/autoscaling/apa.yaml
 * (kv_cache_usage_perc 0.5, 30 s, 0.1 up, 0.2 down); current releases read the tolerances under other annotation names and
 * default to 0.1 down. Its first version had no cooldown: the grid tries 0 too, and targets that mean something for the SLO.
 */
export const apa: BaselinePolicy = {
  name: 'apa',
  title: 'AIBrix APA',
  source: 'vllm-project/aibrix pkg/controller/podautoscaler, samples/autoscaling/apa.yaml',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, downCooldownSeconds: 0 },
    ...[0.9, 0.8, 0.7].map((kvLoad) => ({ ...PUBLISHED, downCooldownSeconds: 0, windowSeconds: 60, kvLoad })),
    { ...PUBLISHED, downCooldownSeconds: 0, windowSeconds: 180, kvLoad: 0.8 },
  ],
  create(input, given) {
    const constants = constantsOf('apa', PUBLISHED, given);
    const options = { intervalSeconds: constants.resyncSeconds, minReplicas: 1 };
    return new RuleScaler(input, options, new Apa(input, constants));
  },
};
