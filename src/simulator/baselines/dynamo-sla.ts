import { updateCorrections } from '../../planning/classic/corrections.js';
import { makePredictor } from '../../planning/classic/make-predictor.js';
import {
  type ClassicLoad,
  type ClassicProfile,
  type Corrections,
  classicReplicas,
  profiledReplicas,
} from '../../planning/classic/replicas.js';
import { ClassicTraffic } from '../../planning/classic/traffic.js';
import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import { classicProfileOf } from './law-tables.js';
import { concurrency } from './metrics.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { ArrivalCounter, SampleWindow } from './windows.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  adjustmentSeconds: 180,
  minEndpoint: 1,
  /** 1: observed latency does not correct the profile (the planner's --no-correction). */
  noCorrection: 0,
  /** Engines are planned for so much of their rate, as if they had been measured slower. */
  loadShare: 1,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;
type Predictor = 'arima' | 'constant';

const NEUTRAL: Corrections = { prefill: 1, decode: 1 };
/** Dynamo's Kalman and Prophet settings, which neither predictor here reads. */
const UNREAD = {
  kalman: { qLevel: 1, qTrend: 0.1, r: 10, minPoints: 5, clamp: true },
  windowSize: 50,
  log1p: false,
};
/** Context lengths that the disaggregated pool's profile covers, times the expected length of a request. */
const CONTEXTS = 4;

class DynamoSla implements ScalingRule {
  readonly #model: WorkerModel;
  readonly #arrivals = new ArrivalCounter();
  readonly #traffic: ClassicTraffic;
  readonly #concurrency: SampleWindow;
  readonly #profile: ClassicProfile;
  #requests = 0;
  #corrections = NEUTRAL;

  constructor(
    private readonly input: ScalerInput,
    private readonly constants: Constants,
    kind: Predictor,
  ) {
    const { pool, policy, profile } = input;
    const { adjustmentSeconds } = constants;
    this.#model = new WorkerModel(input);
    this.#traffic = new ClassicTraffic(() => makePredictor({ kind, ...UNREAD }));
    this.#concurrency = new SampleWindow(adjustmentSeconds);
    const longest = CONTEXTS * (pool.expected.isl + pool.expected.osl);
    this.#profile = classicProfileOf(profile, policy.tp, this.#model.kvTokens, longest);
  }

  watch({ seen, nowMs }: Look): void {
    this.#requests += this.#arrivals.take(seen).requests;
    const now = concurrency(seen);
    if (now !== null) this.#concurrency.add(nowMs, now);
  }

  wish(look: Look): Wish | null {
    const { isl, osl } = this.#model.lengths(look.seen);
    const observed = { requests: this.#requests, isl, osl };
    this.#requests = 0;
    this.#traffic.observe(observed);
    const next = this.#traffic.predictNext();
    const { loadShare, adjustmentSeconds: intervalSeconds } = this.constants;
    const load = { ...next, requests: next.requests / loadShare, intervalSeconds };
    const why = `forecast ${next.requests.toFixed(0)} requests of ${next.isl.toFixed(0)} + ${next.osl.toFixed(0)} tokens`;
    if (!this.input.policy.disaggregated) return this.#aggregated(load, why);
    if (this.constants.noCorrection === 0) this.#correct(look, observed);
    return this.#disaggregated(load, why);
  }

  /** ceil(requests/s / requests/s of an engine), the newer planner's rule for aggregated engines. */
  #aggregated(load: ClassicLoad, why: string): Wish | null {
    const tp = this.input.policy.tp.decode;
    const { rps } = this.#model.at({ isl: Math.max(1, load.isl), osl: Math.max(1, load.osl) }, 1);
    const throughput = { prefillPerGpu: 0, decodePerGpu: (rps * load.osl) / tp };
    const { beforeBudget } = classicReplicas(load, throughput, NEUTRAL, this.#budget(), null);
    return beforeBudget === null ? null : { decode: beforeBudget.decode, why };
  }

  #disaggregated(load: ClassicLoad, why: string): Wish | null {
    const itlMs = this.input.pool.targets.itlSeconds * 1000;
    const plan = profiledReplicas(this.#profile, load, { itlMs }, this.#corrections, this.#budget(), 'floor');
    return plan.replicas === null ? null : { ...plan.replicas, why };
  }

  #correct({ seen, ready, nowMs }: Look, of: { requests: number; isl: number; osl: number }): void {
    const { ttftSeconds, itlSeconds } = seen.latency;
    const held = this.#concurrency.mean(nowMs);
    if (ttftSeconds === null || itlSeconds === null || held === null || of.requests === 0) return;
    const { adjustmentSeconds } = this.constants;
    const metrics = {
      ...of,
      ttftMs: ttftSeconds * 1000,
      itlMs: itlSeconds * 1000,
      requestSeconds: (held * adjustmentSeconds) / of.requests,
    };
    this.#corrections = updateCorrections(
      this.#corrections,
      this.#profile,
      metrics,
      ready,
      adjustmentSeconds,
    );
  }

  #budget() {
    const { tp, gpuCeiling } = this.input.policy;
    const { minEndpoint } = this.constants;
    return { prefillGpus: tp.prefill, decodeGpus: tp.decode, minEndpoint, maxGpus: gpuCeiling };
  }
}

/**
 * NVIDIA Dynamo's SLA planner: requests, ISL and OSL of the next interval, each forecast by itself, over what an engine
 * yields within the targets. Source: ai-dynamo/dynamo components/planner (planner_core.py) and, for aggregated engines, its
 * later core/throughput_scaling.py (_throughput_agg); defaults in defaults.py (180 s, at least one engine). The formulas and
 * predictors are those of src/planning/classic. Aggregated pools: the engine's rate is the profile's true capacity, means
 * within the targets, and upstream corrects nothing there. Disaggregated pools: a table as its profiler would have
 * measured on the same law, corrected by observed latency, which is the pool's watched percentile here where upstream has the
 * mean; request duration by Little's law. Requests are counted as they arrive, upstream as they end. The grid looks
 * more often and plans for less than the whole rate, since means leave no room.
 */
function dynamoSla(kind: Predictor, title: string): BaselinePolicy {
  const name = `dynamo-sla-${kind}`;
  return {
    name,
    title,
    source: 'ai-dynamo/dynamo components/planner planner_core.py, core/throughput_scaling.py, defaults.py',
    grid: [
      PUBLISHED,
      { ...PUBLISHED, adjustmentSeconds: 60 },
      ...[0.9, 0.8].flatMap((loadShare) => [
        { ...PUBLISHED, loadShare },
        { ...PUBLISHED, loadShare, adjustmentSeconds: 60 },
      ]),
    ],
    create(input, given) {
      const constants = constantsOf(name, PUBLISHED, given);
      const options = { intervalSeconds: constants.adjustmentSeconds, minReplicas: constants.minEndpoint };
      return new RuleScaler(input, options, new DynamoSla(input, constants, kind));
    },
  };
}

export const dynamoSlaArima = dynamoSla('arima', 'Dynamo SLA planner, ARIMA');
export const dynamoSlaConstant = dynamoSla('constant', 'Dynamo SLA planner, constant');
