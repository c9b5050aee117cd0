import { createPredictor } from '../../forecast/create.js';
import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { EVERY_LOOK, memoryStep, memoryUsage } from './sageserve.js';
import { ArrivalCounter } from './windows.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  planSeconds: 3600,
  binSeconds: 60,
  /** The plan is for the highest forecast from so long after it to the end of the hour. */
  fromSeconds: 1200,
  /** Tokens that an instance is planned for, as a share of the profile's capacity. */
  loadShare: 1,
  scaleUpAbove: 0.7,
  scaleDownBelow: 0.3,
  cooldownSeconds: 15,
  /** Observed over forecast tokens above which an instance is added beyond the plan. */
  gapRatio: 5,
  ofCapacity: 0,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

/** A day of bins of a minute. */
const MOST_BINS = 1440;
/** Bins before the first plan. */
const FIRST_PLAN_BINS = 10;

/**
 * The integer program of one model, one region and one GPU type: the fewest instances whose tokens cover the forecast.
 * With one variable its optimum is ceil(forecast / tokens of an instance).
 */
export function plannedInstances(forecastTokens: number, tokensPerInstance: number): number {
  return tokensPerInstance > 0 ? Math.ceil(forecastTokens / tokensPerInstance) : 1;
}

/** LT-UA within the hour: towards the plan as utilisation asks for it; beyond it where traffic leaves the forecast behind. */
export function towardsPlan(
  current: number,
  plan: number,
  { usage, gap }: { usage: number; gap: number | null },
  constants: Pick<Constants, 'scaleUpAbove' | 'scaleDownBelow' | 'gapRatio'>,
): number {
  const step = memoryStep(usage, constants);
  if (current === plan) return gap !== null && gap > constants.gapRatio ? current + 1 : current;
  return current < plan ? current + Math.max(0, step) : current + Math.min(0, step);
}

class LtUa implements ScalingRule {
  readonly #model: WorkerModel;
  readonly #arrivals = new ArrivalCounter();
  /** Prompt tokens by bin, oldest first; null: more than half of the bin is unknown. */
  readonly #bins: (number | null)[] = [];
  #bin = { requests: 0, seconds: 0, endMs: Number.NaN };
  #plan: { instances: number; atMs: number; forecast: number[] } | null = null;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    input: ScalerInput,
    private readonly constants: Constants,
  ) {
    this.#model = new WorkerModel(input);
  }

  watch({ seen, nowMs }: Look): void {
    const { binSeconds, planSeconds } = this.constants;
    const { requests, seconds } = this.#arrivals.take(seen);
    if (Number.isNaN(this.#bin.endMs)) this.#bin.endMs = nowMs + binSeconds * 1000;
    this.#bin.requests += requests;
    this.#bin.seconds += seconds;
    if (nowMs < this.#bin.endMs) return;
    this.#closeBin(this.#model.lengths(seen).isl, nowMs);
    const due =
      this.#plan === null
        ? this.#bins.length >= FIRST_PLAN_BINS
        : nowMs >= this.#plan.atMs + planSeconds * 1000;
    if (due) this.#makePlan(seen, nowMs);
  }

  wish(look: Look): Wish | null {
    if (look.nowMs < this.#restUntilMs) return null;
    const { ordered } = look;
    const usage = memoryUsage(this.#model, look, this.constants.ofCapacity > 0);
    if (usage === null) return null;
    const plan = this.#plan;
    const gap = plan === null ? null : this.#gap(plan, look.nowMs);
    const decode =
      plan === null
        ? ordered + memoryStep(usage, this.constants)
        : towardsPlan(ordered, plan.instances, { usage, gap }, this.constants);
    if (decode === ordered) return null;
    this.#restUntilMs = look.nowMs + this.constants.cooldownSeconds * 1000;
    const planned = plan === null ? 'no plan yet' : `plan ${plan.instances}`;
    return {
      decode,
      why: `${planned}, memory utilisation ${usage.toFixed(3)}, gap ${gap?.toFixed(2) ?? '-'}`,
    };
  }

  #closeBin(isl: number, nowMs: number): void {
    const { binSeconds } = this.constants;
    const { requests, seconds, endMs } = this.#bin;
    const known = seconds * 2 >= binSeconds;
    this.#bins.push(known ? (requests / seconds) * binSeconds * isl : null);
    // A telemetry gap ends bins that nobody watched.
    for (let missed = endMs + binSeconds * 1000; missed <= nowMs; missed += binSeconds * 1000)
      this.#bins.push(null);
    this.#bins.splice(0, Math.max(0, this.#bins.length - MOST_BINS));
    this.#bin = { requests: 0, seconds: 0, endMs: nowMs + binSeconds * 1000 };
  }

  #makePlan(seen: Look['seen'], nowMs: number): void {
    const { planSeconds, binSeconds, fromSeconds, loadShare } = this.constants;
    const model = createPredictor('arima');
    model.fit(this.#bins);
    const forecast = model.forecast(Math.round(planSeconds / binSeconds)).map(({ mean }) => mean);
    if (forecast.length === 0) return;
    const peak = Math.max(...forecast.slice(Math.round(fromSeconds / binSeconds)));
    const lengths = this.#model.lengths(seen);
    const perInstance = loadShare * this.#model.at(lengths, 1).rps * lengths.isl * binSeconds;
    this.#plan = { instances: plannedInstances(peak, perInstance), atMs: nowMs, forecast };
  }

  /** Tokens of the last whole bin over those forecast for it; null: not known. */
  #gap({ atMs, forecast }: { atMs: number; forecast: number[] }, nowMs: number): number | null {
    const observed = this.#bins.at(-1) ?? null;
    const index = Math.floor((nowMs - atMs) / (this.constants.binSeconds * 1000)) - 1;
    const expected = forecast[index];
    return observed === null || expected === undefined || expected <= 0 ? null : observed / expected;
  }
}

/**
 * SageServe LT-UA: an hourly plan from a forecast of prompt tokens, approached as memory utilisation asks for it. Source:
 * Jaiswal et al., "SageServe", Proc. ACM Meas. Anal. Comput. Syst. 9 (3) 61, arXiv 2502.14617; kjain1810/SageServe
 * global_arbiter.py (hourly, the highest one-minute forecast from 20 to 60 minutes ahead), long_term_allocation.py (the
 * integer program), arbiter.py (GlobalArbiterARIMAChecking) and configs/config.yaml (5x). The thresholds are those of the
 * reactive baseline (its code has 50 % and 25 %). Their ARIMA forecasts were made before and are not in the repository: here
 * ARIMA of our own (src/forecast/arima.ts) on the bins of the last day. Tokens of an instance (theirs: a table of their
 * models) are the profile's capacity in prompt tokens. No second, delay-tolerant traffic: the 10 % for it is nothing.
 * Until there are ten bins it is the reactive baseline.
 */
export const sageserveLtUa: BaselinePolicy = {
  name: 'sageserve-lt-ua',
  title: 'SageServe LT-UA',
  source: 'arXiv 2502.14617; kjain1810/SageServe global_arbiter.py, arbiter.py, configs/config.yaml',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, ofCapacity: 1 },
    { ...PUBLISHED, ofCapacity: 1, loadShare: 0.8 },
    { ...PUBLISHED, ofCapacity: 1, loadShare: 0.6, gapRatio: 1.5 },
  ],
  create(input, given) {
    const constants = constantsOf('sageserve-lt-ua', PUBLISHED, given);
    const options = { intervalSeconds: EVERY_LOOK, minReplicas: 1 };
    return new RuleScaler(input, options, new LtUa(input, constants));
  },
};
