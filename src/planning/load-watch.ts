import { z } from 'zod';
import { newestSecond, type PoolObservation } from '../contract/observation.js';
import { createForecaster, forecasterStateOf } from '../forecast/create-forecaster.js';
import type { OnlineForecaster } from '../forecast/online.js';
import { forecasterStateSchema } from '../forecast/state.js';
import { corrected, NO_CORRECTION, windowEnded } from './correction.js';
import { decisionSpan } from './horizon.js';
import {
  isOpening,
  LONG_OPEN,
  openingAfter,
  openingSchema,
  openUntilMs,
  pardonedAt,
  UNOPENED,
} from './opening.js';
import { LIKELY_RATES, type Outlook } from './outlook.js';
import { PastRates } from './past-rates.js';
import type { PoolPolicy } from './policy.js';

/** Bins that a cold start and an interval are cut into. */
const BINS_AHEAD = 5;
const MAX_BIN_SECONDS = 60;
const HOUR_MS = 3_600_000;
/** Requests whose lengths weigh as much as all that was seen before. */
const MIX_REQUESTS = 500;
/** Memory of the dispersion. */
const DISPERSION_SECONDS = 900;
/** Fewer arrivals in a window tell nothing of their dispersion. */
const MIN_ARRIVALS = 20;

const stateSchema = z.object({
  version: z.literal(1),
  forecaster: forecasterStateSchema,
  /** Unix second from which the bin under way counts; null: nothing seen yet. */
  binFrom: z.number().nullable(),
  sum: z.number(),
  known: z.number(),
  /** Rates of the bins of the last hour, requests/s. */
  past: z.array(z.number().min(0).nullable()).default([]),
  /** Unix second up to which arrivals were taken. */
  taken: z.number().nullable(),
  windowAtMs: z.number().nullable(),
  dispersion: z.number().nullable(),
  mix: z.object({ prompts: z.array(z.number()), osl: z.number() }).nullable(),
  correction: z
    .object({
      factor: z.number(),
      looks: z.number(),
      saturated: z.number(),
      ready: z.number(),
      waited: z.number().nullable(),
    })
    .default(NO_CORRECTION),
  spent: z.array(z.object({ atMs: z.number(), ended: z.number(), missed: z.number() })),
  /** How many stood aside at each look of the last window, and at the one before, and how many workers held then. */
  aside: z
    .array(z.object({ atMs: z.number(), count: z.number(), running: z.number().nullable().default(null) }))
    .default([]),
  opening: openingSchema.default(LONG_OPEN),
});
export type LoadWatchState = z.output<typeof stateSchema>;

/** Lengths of recent requests, tokens: means of the classes of `PROMPT_SHARES`, and the mean output. */
export type RequestMix = NonNullable<LoadWatchState['mix']>;

/**
 * What a planner keeps in mind of its pool's load: a forecaster fed bin by bin, the lengths of requests, the dispersion of
 * their arrivals and what was spent of the allowed violations. Fed with every observation; deterministic.
 */
export class LoadWatch {
  readonly #forecaster: OnlineForecaster;
  readonly #binSeconds: number;
  readonly #spanSeconds: number;
  readonly #past: PastRates;
  #s: Omit<LoadWatchState, 'forecaster' | 'past'>;

  /** `state`: what `save` gave before, unchecked; one that does not fit is left aside. */
  constructor(
    private readonly policy: PoolPolicy,
    coldStartSeconds: number,
    state: unknown = null,
  ) {
    this.#spanSeconds = decisionSpan(coldStartSeconds, policy);
    const bin = Math.round(this.#spanSeconds / BINS_AHEAD);
    this.#binSeconds = Math.min(MAX_BIN_SECONDS, Math.max(1, bin));
    const options = { binSeconds: this.#binSeconds };
    const parsed = stateSchema.safeParse(state);
    const forecast = parsed.success
      ? forecasterStateOf(parsed.data.forecaster, policy.loadPredictor, options)
      : null;
    this.#forecaster = createForecaster(policy.loadPredictor, options, forecast ?? undefined);
    this.#s =
      parsed.success && forecast !== null
        ? parsed.data
        : {
            version: 1,
            binFrom: null,
            sum: 0,
            known: 0,
            taken: null,
            windowAtMs: null,
            dispersion: null,
            mix: null,
            correction: NO_CORRECTION,
            spent: [],
            aside: [],
            opening: UNOPENED,
          };
    this.#past = new PastRates(this.#binSeconds, parsed.success && forecast !== null ? parsed.data.past : []);
  }

  get mix(): RequestMix | null {
    return this.#s.mix;
  }

  /** What a worker was seen to do, over what its profile says. */
  get correction(): number {
    return this.#s.correction.factor;
  }

  /** Takes what is new in an observation. `predicted`: one worker by its profile, requests/s and mean prompt tokens. */
  observe(o: PoolObservation, predicted = { rps: 0, isl: 1 }): void {
    this.#takeArrivals(o);
    this.#takeAside(o);
    this.#s.opening = openingAfter(this.#s.opening, o, this.#spanSeconds);
    this.#s.correction = corrected(this.#s.correction, o);
    if (this.#s.windowAtMs !== null && o.atMs - this.#s.windowAtMs < this.policy.windowSeconds * 1000) return;
    // The first look ends no window.
    if (this.#s.windowAtMs !== null)
      this.#s.correction = windowEnded(this.#s.correction, o, this.policy.windowSeconds, predicted);
    this.#s.windowAtMs = o.atMs;
    this.#takeMix(o);
    this.#takeDispersion(o);
    const { requests, violationShare } = o.latency;
    if (violationShare !== null && !isOpening(this.#s.opening, o.atMs, this.#spanSeconds))
      this.#s.spent.push({ atMs: o.atMs, ended: requests, missed: requests * violationShare });
    while ((this.#s.spent[0]?.atMs ?? o.atMs) <= o.atMs - HOUR_MS) this.#s.spent.shift();
  }

  /** The outlook over one cold start and one interval; without `forecast`, what is ahead is left out. */
  outlook(coldStartSeconds: number, forecast: boolean): Outlook {
    const span = decisionSpan(coldStartSeconds, this.policy);
    const bins = Math.max(1, Math.round(span / this.#binSeconds));
    const leads = (forecast ? this.#forecaster.forecast(bins) : []).map((rates, k) => ({
      seconds: (k + 1) * this.#binSeconds,
      rates: Array.from({ length: LIKELY_RATES }, (_, i) => rates.quantile((i + 0.5) / LIKELY_RATES)),
    }));
    let ended = 0;
    let missed = 0;
    for (const window of this.#s.spent) {
      ended += window.ended;
      missed += window.missed;
    }
    const { count: asideBefore = null, running = null } = this.#s.aside[0] ?? {};
    const pardoned = pardonedAt(this.#s.opening, this.#s.windowAtMs ?? 0);
    const held = running === null ? {} : { runningBefore: running };
    const openUntil = openUntilMs(this.#s.opening, this.#spanSeconds);
    const { usual } = this.#past;
    const returning = forecast ? this.#past.returning : [];
    return {
      leads,
      ...(returning.length === 0 ? {} : { returning }),
      ...(usual === null ? {} : { usualRps: usual }),
      ...(openUntil === null ? {} : { openUntilMs: openUntil }),
      dispersion: this.#s.dispersion,
      ended,
      missed,
      asideBefore,
      ...held,
      pardoned,
    };
  }

  save(): LoadWatchState {
    return structuredClone({ ...this.#s, past: [...this.#past.rates], forecaster: this.#forecaster.save() });
  }

  #takeArrivals(o: PoolObservation): void {
    const last = newestSecond(o.atMs);
    const { arrivals } = o.load;
    const s = this.#s;
    const first = last - arrivals.length + 1;
    s.taken ??= first - 1;
    s.binFrom ??= s.taken + 1;
    for (let second = s.taken + 1; second <= last; second++) {
      // What is not counted yet may be next time.
      const count = second < first ? null : (arrivals[second - first] ?? null);
      if (count === null && second > last - 3) return;
      s.taken = second;
      if (count !== null) {
        s.sum += count;
        s.known++;
      }
      if (second - s.binFrom + 1 < this.#binSeconds) continue;
      const rate = s.known * 2 < this.#binSeconds ? null : s.sum / s.known;
      this.#forecaster.push(rate);
      if (!isOpening(s.opening, o.atMs, this.#spanSeconds)) this.#past.push(rate);
      s.binFrom = second + 1;
      s.sum = 0;
      s.known = 0;
    }
  }

  #takeAside({ atMs, queue, load: { running } }: PoolObservation): void {
    const { aside } = this.#s;
    if (queue.lateWaiting !== null) aside.push({ atMs, count: queue.lateWaiting, running });
    const since = atMs - this.policy.windowSeconds * 1000;
    while ((aside[1]?.atMs ?? atMs) <= since) aside.shift();
  }

  #takeMix({ load, latency }: PoolObservation): void {
    const { prompts, osl } = load;
    if (prompts === null) return;
    const before = this.#s.mix ?? { prompts, osl: osl ?? Number.NaN };
    const requests = load.arrivals.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    const blend = (old: number, now: number, weight: number) =>
      Number.isNaN(old) ? now : old + weight * (now - old);
    const share = (n: number) => n / (n + MIX_REQUESTS);
    this.#s.mix = {
      prompts: prompts.map((tokens, k) => blend(before.prompts[k] ?? tokens, tokens, share(requests))),
      osl: osl === null ? before.osl : blend(before.osl, osl, share(latency.requests)),
    };
    if (Number.isNaN(this.#s.mix.osl)) this.#s.mix = null;
  }

  /** Variance over mean of the counts of spans of about the TTFT target, within the window. */
  #takeDispersion({ atMs, load: { arrivals } }: PoolObservation): void {
    const span = Math.max(1, Math.round(this.policy.targets.ttftSeconds));
    const counts: number[] = [];
    for (let end = arrivals.length; end - span >= 0; end -= span) {
      const part = arrivals.slice(end - span, end);
      if (part.some((count) => count === null)) continue;
      counts.push(part.reduce<number>((sum, count) => sum + (count ?? 0), 0));
    }
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (counts.length < 5 || total < MIN_ARRIVALS) return;
    const mean = total / counts.length;
    const squares = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0);
    const found = Math.max(1, squares / (counts.length - 1) / mean);
    // The step up to a pool's first load is not how ragged that load is: until the opening ends, the newest window counts alone.
    const opening = isOpening(this.#s.opening, atMs, this.#spanSeconds);
    const weight = opening ? 1 : Math.min(1, this.policy.windowSeconds / DISPERSION_SECONDS);
    const before = this.#s.dispersion ?? found;
    this.#s.dispersion = before + weight * (found - before);
  }
}
