import { ThresholdPlanner } from '../../planning/classic/thresholds/planner.js';
import type { PassMetrics, ThresholdConfig, ThresholdTick } from '../../planning/classic/thresholds/types.js';
import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import { shareOf } from './metrics.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { WorkerModel } from './worker-model.js';

/** The planner's optimization targets by number. */
const TARGETS: readonly ThresholdConfig['target'][] = ['throughput', 'latency', 'load'];

const PUBLISHED = {
  intervalSeconds: 5,
  /** 0: throughput, 1: latency, 2: load, by the percentages below. */
  target: 0,
  minEndpoint: 1,
  kvUpPercent: 0,
  kvDownPercent: 0,
  queueUpTokens: 0,
  queueDownTokens: 0,
  /** 1: KV tokens are counted as a share of those at the load that an engine sustains. */
  ofCapacity: 0,
  /** Of the prefill engines, tokens. */
  contextLength: 131_072,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

class DynamoLoad implements ScalingRule {
  readonly #planner: ThresholdPlanner;
  readonly #model: WorkerModel;

  constructor(
    private readonly input: ScalerInput,
    private readonly constants: Constants,
  ) {
    const { policy } = input;
    this.#model = new WorkerModel(input);
    const { contextLength } = constants;
    const maxKvTokens = this.#model.kvTokens;
    this.#planner = new ThresholdPlanner(
      {
        mode: policy.disaggregated ? 'disagg' : 'agg',
        target: TARGETS[constants.target] ?? 'throughput',
        enabled: true,
        minEndpoint: constants.minEndpoint,
        maxGpus: policy.gpuCeiling,
        minGpus: -1,
        intervalSeconds: constants.intervalSeconds,
        prefillQueueTokens: { up: constants.queueUpTokens, down: constants.queueDownTokens },
        decodeKvRate: { up: constants.kvUpPercent, down: constants.kvDownPercent },
      },
      {
        prefill: { gpus: policy.tp.prefill, contextLength, maxKvTokens },
        decode: { gpus: policy.tp.decode, contextLength, maxKvTokens },
      },
    );
  }

  wish(look: Look): Wish | null {
    const { nowMs, seen, ready, missing, ordered, orderedPrefill } = look;
    const { prefill, decode } = seen.workers;
    const passes = this.#passes(look);
    if (passes === null) return null;
    const { scaleTo, reason } = this.#planner.tick({
      nowSeconds: nowMs / 1000,
      runLoadScaling: true,
      workers: {
        readyPrefill: prefill.ready,
        readyDecode: ready,
        expectedPrefill: orderedPrefill,
        expectedDecode: ordered,
        prefillScaling: prefill.draining > 0 || prefill.ready < orderedPrefill,
        decodeScaling: decode.draining > 0 || missing > 0,
      },
      passes,
    });
    if (scaleTo?.decode === undefined) return null;
    const wish = { decode: scaleTo.decode, why: reason ?? 'no decision' };
    return scaleTo.prefill === undefined ? wish : { ...wish, prefill: scaleTo.prefill };
  }

  /** The pool's load spread evenly over its engines; null: unknown. */
  #passes({ seen, ready }: Look): ThresholdTick['passes'] {
    const { waitingTokens, decodeWaiting } = seen.queue;
    const lengths = this.#model.lengths(seen);
    const usage = this.#model.kvUsage(seen);
    const scale = this.constants.ofCapacity > 0 ? shareOf(1, this.#model.kvUsageAt(seen, 1)) : 1;
    if (waitingTokens === null || decodeWaiting === null || usage === null || scale === null) return null;
    const split = this.input.policy.disaggregated;
    const prefillers = seen.workers.prefill.ready;
    const engines = (role: string, count: number, load: Omit<PassMetrics, 'workerId' | 'rank'>) =>
      Array.from({ length: count }, (_, i) => ({ workerId: `${role}${i}`, rank: 0, ...load }));
    return {
      prefill: engines('prefill', prefillers, {
        scheduledDecodeKvTokens: 0,
        queuedPrefillTokens: waitingTokens / Math.max(1, prefillers),
        queuedDecodeKvTokens: 0,
      }),
      decode: engines('decode', ready, {
        scheduledDecodeKvTokens: scale * usage * this.#model.kvTokens,
        queuedPrefillTokens: split ? 0 : (scale * waitingTokens) / Math.max(1, ready),
        queuedDecodeKvTokens: (scale * decodeWaiting * (lengths.isl + lengths.osl)) / Math.max(1, ready),
      }),
    };
  }
}

/**
 * NVIDIA Dynamo's load planner with static thresholds: one engine more when any is above, one fewer when all are below,
 * none while a scaling is under way. Source: ai-dynamo/dynamo components/src/dynamo/planner core/load_scaling.py, interval of
 * 5 s in config/defaults.py; thresholds by optimization target (aggregated, share of the KV cache with queued prompts:
 * throughput 1.0 up, 0.6 down; latency 0.4 up, 0.1 down), run by src/planning/classic/thresholds. Engines report one by
 * one upstream; here each has the mean of the pool. The grid tries its third target, `load`, with
 * thresholds that mean something for the SLO.
 */
export const dynamoLoad: BaselinePolicy = {
  name: 'dynamo-load',
  title: 'Dynamo load planner, static thresholds',
  source: 'ai-dynamo/dynamo components/src/dynamo/planner core/load_scaling.py',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, target: 1 },
    ...[
      { kvUpPercent: 90, kvDownPercent: 60 },
      { kvUpPercent: 80, kvDownPercent: 50 },
      { kvUpPercent: 70, kvDownPercent: 40 },
    ].map((kv) => ({ ...PUBLISHED, target: 2, queueUpTokens: 8192, ofCapacity: 1, ...kv })),
  ],
  create(input, given) {
    const constants = constantsOf('dynamo-load', PUBLISHED, given);
    const options = { intervalSeconds: constants.intervalSeconds, minReplicas: constants.minEndpoint };
    return new RuleScaler(input, options, new DynamoLoad(input, constants));
  },
};
