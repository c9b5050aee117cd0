import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import { concurrency } from './metrics.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { SampleWindow } from './windows.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  tickSeconds: 2,
  stableSeconds: 60,
  /** 10 % of the stable window. */
  panicSeconds: 6,
  panicThreshold: 2,
  targetUtilization: 0.7,
  /** The container concurrency is that at this share of the load that a pod sustains. */
  concurrencyLoad: 1,
  maxScaleUpRate: 1000,
  maxScaleDownRate: 2,
  scaleDownDelaySeconds: 0,
};
const SLOW_DOWN = { ...PUBLISHED, targetUtilization: 1, scaleDownDelaySeconds: 300 };
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

/** Concurrency averaged over both windows, and what a pod should have. */
export interface KpaInput {
  stable: number;
  panic: number;
  target: number;
  ready: number;
  nowMs: number;
}

/** The decision of autoscaler.Scale, with the state that it keeps from tick to tick. */
export class KpaDecider {
  #panicMs: number | null = null;
  #maxPanicPods = 0;
  readonly #delayed: SampleWindow;

  constructor(private readonly constants: Constants) {
    this.#delayed = new SampleWindow(constants.scaleDownDelaySeconds);
  }

  get panics(): boolean {
    return this.#panicMs !== null;
  }

  /**
   * ceil(concurrency / target) within [floor(ready / down rate), ceil(up rate x ready)] for both windows. Where the
   * panic window asks for `panicThreshold` times the ready pods, panic begins or goes on: the larger of both counts, and
   * nothing is taken away until the threshold was not met for a stable window.
   */
  scale({ stable, panic, target, ready, nowMs }: KpaInput): number {
    const { maxScaleUpRate, maxScaleDownRate, panicThreshold, stableSeconds } = this.constants;
    const pods = Math.max(1, ready);
    const most = Math.ceil(maxScaleUpRate * pods);
    const least = Math.floor(pods / maxScaleDownRate);
    const within = (wanted: number) => Math.min(Math.max(wanted, least), most);
    const wantedInPanic = Math.ceil(panic / target);
    const over = wantedInPanic / pods >= panicThreshold;
    if (over) this.#panicMs = nowMs;
    else if (this.#panicMs !== null && nowMs > this.#panicMs + stableSeconds * 1000) {
      this.#panicMs = null;
      this.#maxPanicPods = 0;
    }
    let desired = within(Math.ceil(stable / target));
    if (this.#panicMs !== null) {
      this.#maxPanicPods = Math.max(this.#maxPanicPods, desired, within(wantedInPanic));
      desired = this.#maxPanicPods;
    }
    if (this.constants.scaleDownDelaySeconds === 0) return desired;
    this.#delayed.add(nowMs, desired);
    return this.#delayed.max(nowMs) ?? desired;
  }
}

class Kpa implements ScalingRule {
  readonly #window: SampleWindow;
  readonly #decider: KpaDecider;
  readonly #model: WorkerModel;

  constructor(
    input: ScalerInput,
    private readonly constants: Constants,
  ) {
    this.#window = new SampleWindow(constants.stableSeconds);
    this.#decider = new KpaDecider(constants);
    this.#model = new WorkerModel(input);
  }

  watch({ seen, nowMs }: Look): void {
    const now = concurrency(seen);
    if (now !== null) this.#window.add(nowMs, now);
  }

  wish({ seen, ready, nowMs }: Look): Wish | null {
    const { stableSeconds, panicSeconds, targetUtilization, concurrencyLoad } = this.constants;
    const target = targetUtilization * this.#model.concurrencyAt(seen, concurrencyLoad);
    const stable = this.#window.mean(nowMs, stableSeconds);
    const panic = this.#window.mean(nowMs, panicSeconds) ?? stable;
    if (stable === null || panic === null || target <= 0) return null;
    const decode = this.#decider.scale({ stable, panic, target, ready, nowMs });
    const mode = this.#decider.panics ? 'panic' : 'stable';
    const why = `${mode}: concurrency ${stable.toFixed(1)}, lately ${panic.toFixed(1)}, target ${target.toFixed(1)} a pod`;
    return { decode, why };
  }
}

/**
 * Knative's pod autoscaler (KPA) on concurrency. Source: knative/serving pkg/autoscaler/scaling/autoscaler.go (Scale),
 * defaults in pkg/autoscaler/config/config.go; tick of 2 s in scaling/multiscaler.go. The container concurrency, which
 * Knative leaves to the operator, is the concurrency at which the profile just meets the targets; Knative scales to 70 %
 * of it. To zero only where the pool's floor is zero. The grid has lower concurrencies, most with Knative's delay of scale-down,
 * without which a cold start longer than the stable window makes it swing.
 */
export const kpa: BaselinePolicy = {
  name: 'kpa',
  title: 'Knative KPA',
  source: 'knative/serving pkg/autoscaler/scaling/autoscaler.go, pkg/autoscaler/config/config.go',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, concurrencyLoad: 0.9 },
    ...[0.9, 0.8].map((concurrencyLoad) => ({ ...SLOW_DOWN, concurrencyLoad })),
    ...[0.9, 0.8, 0.7].map((concurrencyLoad) => ({ ...SLOW_DOWN, concurrencyLoad, panicThreshold: 10 })),
    { ...SLOW_DOWN, concurrencyLoad: 0.8, panicThreshold: 10, scaleDownDelaySeconds: 600 },
  ],
  create(input, given) {
    const constants = constantsOf('kpa', PUBLISHED, given);
    return new RuleScaler(input, { intervalSeconds: constants.tickSeconds }, new Kpa(input, constants));
  },
};
