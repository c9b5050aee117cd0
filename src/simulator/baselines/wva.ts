import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import { shareOf, waitingRequests } from './metrics.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { SampleWindow } from './windows.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  intervalSeconds: 60,
  /** max_over_time of both metrics. */
  windowSeconds: 60,
  kvCacheThreshold: 0.8,
  queueLengthThreshold: 5,
  kvSpareTrigger: 0.1,
  queueSpareTrigger: 3,
  /** 1: KV usage is counted as a share of that at the load that a replica sustains. */
  ofCapacity: 0,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

/** Replicas that are not saturated, below which none is taken away. */
const LEAST_FOR_SCALE_DOWN = 2;

export interface ReplicaMetrics {
  /** 0..1 */
  kvUsage: number;
  /** Requests waiting inside the replica. */
  queue: number;
}

/** AnalyzeModelSaturation: what the replicas that are not saturated have to spare, and what follows. */
export function analyzeSaturation(
  replicas: readonly ReplicaMetrics[],
  constants: Omit<Constants, 'intervalSeconds' | 'windowSeconds' | 'ofCapacity'>,
): { shouldScaleUp: boolean; scaleDownSafe: boolean; spareKv: number; spareQueue: number } {
  const { kvCacheThreshold, queueLengthThreshold, kvSpareTrigger, queueSpareTrigger } = constants;
  const calm = replicas.filter(
    ({ kvUsage, queue }) => kvUsage < kvCacheThreshold && queue < queueLengthThreshold,
  );
  const n = calm.length;
  const mean = (of: (replica: ReplicaMetrics) => number) =>
    n === 0 ? 0 : calm.reduce((sum, replica) => sum + of(replica), 0) / n;
  const spareKv = mean(({ kvUsage }) => kvCacheThreshold - kvUsage);
  const spareQueue = mean(({ queue }) => queueLengthThreshold - queue);
  // The load of n replicas on n - 1.
  const share = n / (n - 1);
  return {
    spareKv,
    spareQueue,
    shouldScaleUp: replicas.length > 0 && (spareKv < kvSpareTrigger || spareQueue < queueSpareTrigger),
    scaleDownSafe:
      n >= LEAST_FOR_SCALE_DOWN &&
      kvCacheThreshold - (kvCacheThreshold - spareKv) * share >= kvSpareTrigger &&
      queueLengthThreshold - (queueLengthThreshold - spareQueue) * share >= queueSpareTrigger,
  };
}

class Wva implements ScalingRule {
  readonly #kv: SampleWindow;
  readonly #queue: SampleWindow;
  readonly #model: WorkerModel;

  constructor(
    input: ScalerInput,
    private readonly constants: Constants,
  ) {
    this.#kv = new SampleWindow(constants.windowSeconds);
    this.#queue = new SampleWindow(constants.windowSeconds);
    this.#model = new WorkerModel(input);
  }

  watch({ seen, ready, nowMs }: Look): void {
    const lengths = this.#model.lengths(seen);
    const usage = this.#model.kvUsage(seen);
    const kv = this.constants.ofCapacity > 0 ? shareOf(usage, this.#model.kvUsageAt(seen, 1)) : usage;
    const waiting = waitingRequests(seen, lengths);
    if (kv !== null) this.#kv.add(nowMs, kv);
    if (waiting !== null && ready > 0) this.#queue.add(nowMs, waiting / ready);
  }

  wish({ ready, missing, ordered, nowMs, seen }: Look): Wish | null {
    const kvUsage = this.#kv.max(nowMs);
    const queue = this.#queue.max(nowMs);
    // A model in transition is left alone: replicas start, or those seen are not those ordered.
    const moving = missing > 0 || ready !== ordered || seen.workers.decode.draining > 0;
    if (kvUsage === null || queue === null || moving) return null;
    const replicas = new Array<ReplicaMetrics>(ready).fill({ kvUsage, queue });
    const found = analyzeSaturation(replicas, this.constants);
    const why = `spare KV ${found.spareKv.toFixed(3)}, spare queue ${found.spareQueue.toFixed(2)}`;
    if (found.shouldScaleUp) return { decode: ready + 1, why };
    return found.scaleDownSafe ? { decode: ready - 1, why } : null;
  }
}

/**
 * llm-d's Workload Variant Autoscaler, saturation analyzer V1, one variant. Source: llm-d-incubation/workload-variant-autoscaler
 * internal/saturation/analyzer.go (AnalyzeModelSaturation, CalculateSaturationTargets), thresholds of
 * config/samples/saturation-scaling-config.yaml, interval GLOBAL_OPT_INTERVAL 60 s, metrics as max_over_time of 1 min. The HPA
 * that carries its answer out adds nothing in the chart's settings (no stabilisation, 10 pods per 15 s). One replica a
 * minute at most, and none while a replica starts. The grid tries the two other settings that its docs recommend,
 * and KV thresholds that mean something for the SLO.
 */
export const wva: BaselinePolicy = {
  name: 'wva',
  title: 'llm-d WVA, saturation',
  source: 'llm-d-incubation/workload-variant-autoscaler internal/saturation/analyzer.go',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, kvCacheThreshold: 0.7, queueLengthThreshold: 3, queueSpareTrigger: 2 },
    { ...PUBLISHED, kvCacheThreshold: 0.9, queueLengthThreshold: 15 },
    { ...PUBLISHED, ofCapacity: 1 },
    { ...PUBLISHED, ofCapacity: 1, intervalSeconds: 15 },
  ],
  create(input, given) {
    const constants = constantsOf('wva', PUBLISHED, given);
    const options = { intervalSeconds: constants.intervalSeconds, minReplicas: 1 };
    return new RuleScaler(input, options, new Wva(input, constants));
  },
};
