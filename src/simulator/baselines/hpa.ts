import type { PoolObservation } from '../../contract/observation.js';
import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import { concurrency, waitingRequests } from './metrics.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { SampleWindow } from './windows.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  syncSeconds: 15,
  tolerance: 0.1,
  downStabilizationSeconds: 300,
  /** Scale-up limits in each period: the larger of both. */
  upPods: 4,
  upPercent: 100,
  periodSeconds: 15,
  /** Metrics are averaged over so long; 0: as they are. */
  windowSeconds: 0,
  /** Targets per pod; 0: not a metric. The largest of the answers counts. */
  queueTarget: 5,
  kvTarget: 0,
  /** The target is the concurrency at this share of the load that a pod sustains. */
  concurrencyLoad: 0,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

/** What the pods of a deployment report of one metric. */
export interface PodMetric {
  /** Sum over the pods that report. */
  total: number;
  reporting: number;
  /** Pods that do not report: they start. */
  missing: number;
}

/**
 * calcPlainMetricReplicas: ceil(mean / target x pods) outside the tolerance. Pods without a metric count as 0 on the way
 * up and as on target on the way down; where that turns the direction round, nothing changes. Null: no pod reports.
 */
export function metricReplicas(
  { total, reporting, missing }: PodMetric,
  target: number,
  current: number,
  tolerance: number,
): number | null {
  if (reporting === 0) return null;
  const ratio = total / reporting / target;
  if (missing === 0) return Math.abs(1 - ratio) <= tolerance ? current : Math.ceil(ratio * reporting);
  const pods = reporting + missing;
  const filled = (ratio < 1 ? total + missing * target : total) / pods / target;
  const turned = (ratio < 1 && filled > 1) || (ratio > 1 && filled < 1);
  if (Math.abs(1 - filled) <= tolerance || turned) return current;
  const replicas = Math.ceil(filled * pods);
  const against = filled < 1 ? replicas > current : replicas < current;
  return against ? current : replicas;
}

/** The recommendations and the scale-ups of the recent past: the behavior part of the v2 algorithm. */
export class HpaBehavior {
  readonly #recommended: { atMs: number; replicas: number }[] = [];
  readonly #added: { atMs: number; replicas: number }[] = [];

  constructor(private readonly constants: Constants) {}

  /** stabilizeRecommendationWithBehaviors, then convertDesiredReplicasWithBehaviorRate, within the most replicas. */
  apply(recommendation: number, current: number, most: number, nowMs: number): number {
    const { downStabilizationSeconds, periodSeconds, upPods, upPercent } = this.constants;
    forget(this.#recommended, nowMs - downStabilizationSeconds * 1000);
    forget(this.#added, nowMs - periodSeconds * 1000);
    const lately = this.#recommended.map(({ replicas }) => replicas);
    this.#recommended.push({ atMs: nowMs, replicas: recommendation });
    if (recommendation < current) return Math.min(current, Math.max(recommendation, ...lately));
    const start = current - this.#added.reduce((sum, { replicas }) => sum + replicas, 0);
    const limit = Math.max(start + upPods, Math.ceil(start * (1 + upPercent / 100)), current);
    const replicas = Math.min(recommendation, limit, Math.max(current, most));
    if (replicas > current) this.#added.push({ atMs: nowMs, replicas: replicas - current });
    return replicas;
  }
}

function forget(events: { atMs: number }[], beforeMs: number): void {
  while (events[0] !== undefined && events[0].atMs <= beforeMs) events.shift();
}

/** A window that holds the newest sample alone. */
const NEWEST_SECONDS = 0.001;

class Hpa implements ScalingRule {
  readonly #model: WorkerModel;
  readonly #behavior: HpaBehavior;
  readonly #waiting: SampleWindow;
  readonly #kvUsage: SampleWindow;
  readonly #concurrency: SampleWindow;

  constructor(
    private readonly input: ScalerInput,
    private readonly constants: Constants,
  ) {
    this.#model = new WorkerModel(input);
    this.#behavior = new HpaBehavior(constants);
    const seconds = Math.max(NEWEST_SECONDS, constants.windowSeconds);
    this.#waiting = new SampleWindow(seconds);
    this.#kvUsage = new SampleWindow(seconds);
    this.#concurrency = new SampleWindow(seconds);
  }

  watch({ seen, nowMs }: Look): void {
    const samples = [
      [this.#waiting, waitingRequests(seen, this.#model.lengths(seen))],
      [this.#kvUsage, this.#model.kvUsage(seen)],
      [this.#concurrency, concurrency(seen)],
    ] as const;
    for (const [window, value] of samples) if (value !== null) window.add(nowMs, value);
  }

  wish({ seen, ready, missing, ordered, nowMs }: Look): Wish | null {
    let replicas: number | null = null;
    let why = '';
    for (const { name, total, target } of this.#metrics(seen, ready, nowMs)) {
      const { tolerance } = this.constants;
      const wanted = metricReplicas({ total, reporting: ready, missing }, target, ordered, tolerance);
      if (wanted === null || (replicas !== null && wanted <= replicas)) continue;
      replicas = wanted;
      why = `${name} ${(total / ready).toFixed(2)} a pod, target ${target.toFixed(2)}`;
    }
    if (replicas === null) return null;
    return { decode: this.#behavior.apply(replicas, ordered, this.input.policy.maxWorkers, nowMs), why };
  }

  /** The metrics that are known, summed over the ready workers, and their targets per worker. */
  #metrics(seen: PoolObservation, ready: number, nowMs: number) {
    const { queueTarget, kvTarget, concurrencyLoad } = this.constants;
    const usage = this.#kvUsage.mean(nowMs);
    const busy = concurrencyLoad > 0 ? this.#model.concurrencyAt(seen, concurrencyLoad) : 0;
    const metrics = [
      { name: 'waiting requests', total: this.#waiting.mean(nowMs), target: queueTarget },
      { name: 'KV usage', total: usage === null ? null : usage * ready, target: kvTarget },
      { name: 'concurrency', total: this.#concurrency.mean(nowMs), target: busy },
    ];
    return metrics.flatMap(({ total, ...metric }) =>
      total === null || metric.target <= 0 ? [] : [{ ...metric, total }],
    );
  }
}

/**
 * Kubernetes' Horizontal Pod Autoscaler, autoscaling/v2, with a metric of the pods. Source: kubernetes/kubernetes
 * pkg/controller/podautoscaler replica_calculator.go (calcPlainMetricReplicas) and horizontal.go
 * (normalizeDesiredReplicasWithBehaviors), defaults in config/v1alpha1/defaults.go (sync 15 s, tolerance 0.1) and
 * pkg/apis/autoscaling/v2/defaults.go (down stabilised over 300 s, then without a limit; up at once by 4 pods or 100 % in
 * 15 s, whichever is more). The API has no default metric. GKE's guide to autoscaling LLM inference names queue and batch
 * size; the published target here is 5 waiting requests a server, where llm-d counts one as saturated
 * (queueDepthThreshold). The grid adds KV usage, and the concurrency at shares of the load that a pod sustains, both as an
 * adapter may average them.
 */
export const hpa: BaselinePolicy = {
  name: 'hpa',
  title: 'Kubernetes HPA v2',
  source: 'kubernetes/kubernetes pkg/controller/podautoscaler/{replica_calculator,horizontal}.go',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, queueTarget: 0, kvTarget: 0.8 },
    ...[0.95, 0.9, 0.8, 0.7].map((concurrencyLoad) => ({
      ...PUBLISHED,
      queueTarget: 0,
      windowSeconds: 60,
      concurrencyLoad,
    })),
  ],
  create(input, given) {
    const constants = constantsOf('hpa', PUBLISHED, given);
    const options = { intervalSeconds: constants.syncSeconds, minReplicas: 1 };
    return new RuleScaler(input, options, new Hpa(input, constants));
  },
};
