import { forecastRate } from '../forecast/rate.js';
import { detectBurst } from './burst.js';
import { type Candidate, candidatesOf } from './candidates.js';
import { changeForm, type FormStep } from './form/change.js';
import { type Forms, formsOf, sightOf } from './form/forms.js';
import { growth } from './growth.js';
import { judgeHealth } from './health.js';
import { decisionSpan, lookAheadSeconds } from './horizon.js';
import { counted, sinceTrafficMs } from './load.js';
import { type DecideInput, look } from './look.js';
import type { Plan, Proposal, Verdict } from './plan.js';
import type { PoolPolicy } from './policy.js';
import { judgeArrived, judgeDrained, restate, retry } from './progress.js';
import { forecastOf, ratesAhead, ratesWithin, type WindowForecast } from './rates.js';
import { fits, floorOf, type Replicas, same, show } from './replicas.js';
import { SILENT_RPS, shrink } from './shrink.js';
import type { Sight } from './sight.js';
import { judgeSpike, surge } from './surge.js';
import { seconds } from './words.js';

/** The planner's decision: a pure function; the same input gives the same plan. Never throws. */
export function decide(input: DecideInput): Plan {
  const { observation, policy, memory, now } = input;
  const blind = judgeHealth(observation, memory, policy, now);
  if (observation === null || blind.is) return holdingPlan(input, blind);
  const forms = formsOf(input, observation);
  const s = forms === null ? look(input, observation) : sightOf(forms);
  const traffic = judgeTraffic(s);
  const idle = judgeIdle(traffic, policy, now);
  const span = decisionSpan(s.coldStartSeconds, policy);
  const horizon = lookAheadSeconds(policy.lookAhead, span);
  const byWindow = (over: number) => forecastRate(observation.load.arrivals, policy.loadPredictor, over);
  // What the window alone tells is computed only until enough has been learned of the load, and where all is silent and
  // what was learned would not ask for the last worker again at once; else that one goes when the pool is idle.
  const learned = ratesAhead(s, horizon, null)?.mean ?? 0;
  const silent = memory.desired.decode <= 1 && s.load.recentRps === 0 && learned <= SILENT_RPS;
  const forecast = (over: number | null): WindowForecast | null =>
    s.slow && over !== null ? ((silent ? null : forecastOf(s.outlook, over)) ?? byWindow(over)) : null;
  const ahead = forecast(horizon);
  const likely = ratesAhead(s, horizon, ahead);
  const grown = growth(s, likely, idle.is);
  const burst = detectBurst(counted(observation.load.arrivals), policy.fastIntervalSeconds);
  const spike = judgeSpike(s, burst);
  const surged = spike.is ? surge(s, burst) : null;
  const lastSpikeAtMs = spike.is ? now : memory.lastSpikeAtMs;
  const calm = judgeCalm(lastSpikeAtMs, policy, now);
  const drained = judgeDrained(s);
  const form =
    forms === null ? null : changeForm(forms, likely, { idle: idle.is, calm: calm.is && !spike.is });
  const more = form?.more ?? grown.more;
  const { fewer, kept } =
    more !== null || spike.is || !calm.is
      ? { fewer: null, kept: calm.is ? 'more is needed' : calm.why }
      : form?.memory.leaving === true
        ? { fewer: form.fewer, kept: 'the form of the pool changes' }
        : shrink(s, forecast(span), ratesWithin(s, span, forecast(span)), grown.shortage);
  const candidates = idle.is ? [] : candidatesOf(s, likely, otherForm(forms, form));
  const floor = idle.is ? toFloor(s, idle) : null;
  const again = restate(s);
  const taken = surged ?? more ?? floor ?? fewer ?? again;
  return {
    pool: policy.pool,
    observationId: observation.id,
    now,
    blind,
    idle,
    spike,
    calm,
    arrived: judgeArrived(s),
    drained,
    more,
    surge: surged,
    fewer,
    floor,
    restate: again,
    reason: taken?.why ?? unknowns(s) ?? balance(s, candidates, kept) + beyondReach(s),
    numbers: {
      ready: s.load.ready.decode,
      readyPrefill: s.load.ready.prefill,
      desired: memory.desired.decode,
      desiredPrefill: memory.desired.prefill,
      waiting: s.load.waiting,
      prefillQueueLoad: s.load.prefillQueue,
      decodeKvLoad: s.load.decodeKv,
      rps: s.load.recentRps,
      capacityRps: s.load.capacityRps,
      ttftSeconds: observation.latency.ttftSeconds,
      itlSeconds: observation.latency.itlSeconds,
      violationShare: observation.latency.violationShare,
      burstRps: burst?.rps ?? null,
      baselineRps: burst?.baselineRps ?? null,
      burstPValue: burst?.pValue ?? null,
      lateAllowed: s.spending.late,
      dispersion: s.outlook?.dispersion ?? null,
      lateWaiting: observation.queue.lateWaiting,
      forecastRps: ahead?.peak ?? null,
      forecastSd: ahead?.sd ?? null,
      horizonSeconds: ahead?.horizonSeconds ?? null,
      ...(form === null ? {} : { form: form.memory.form, formSavedGpuSeconds: form.memory.saved }),
      slow: s.slow,
      spike: spike.is,
      calm: calm.is,
    },
    candidates,
    seenGeneration: observation.grant?.generation ?? 0,
    memory: {
      ...memory,
      lastTrafficAtMs: traffic,
      lastSpikeAtMs,
      lastShortAtMs: s.short || memory.order !== null ? now : memory.lastShortAtMs,
      lastSlowAtMs: s.slow ? now : memory.lastSlowAtMs,
      drainFrom: drained.is ? null : memory.drainFrom,
      sightings: grown.sightings,
      ...(form === null ? {} : { form: form.memory }),
    },
  };
}

/** The fewest workers of the form that the pool does not have, and why it keeps its own; null: not weighed. */
function otherForm(
  forms: Forms | null,
  step: FormStep | null,
): { s: Sight; need: Replicas; why: string } | null {
  const other = step?.other ?? null;
  const s = forms === null || other === null ? null : forms[other.form];
  const need = other?.weighed.need ?? null;
  return s === null || need === null ? null : { s, need, why: other?.why ?? '' };
}

/** When traffic was last seen; unknown counts are taken for traffic. */
function judgeTraffic({ o, memory, now }: Sight): number | null {
  const since = sinceTrafficMs(o);
  if (since === null) return memory.lastTrafficAtMs;
  return Math.max(memory.lastTrafficAtMs ?? 0, now - since);
}

function judgeIdle(lastTrafficAtMs: number | null, policy: PoolPolicy, now: number): Verdict {
  if (lastTrafficAtMs === null) return { is: true, why: 'no request has come yet' };
  const silent = now - lastTrafficAtMs;
  const is = silent >= policy.idleAfterSeconds * 1000;
  return { is, why: `no request for ${seconds(silent)}, idle after ${policy.idleAfterSeconds} s` };
}

function judgeCalm(lastSpikeAtMs: number | null, policy: PoolPolicy, now: number): Verdict {
  if (lastSpikeAtMs === null) return { is: true, why: 'no burst was seen' };
  const since = now - lastSpikeAtMs;
  return {
    is: since >= policy.burstCalmSeconds * 1000,
    why: `last burst ${seconds(since)} ago, calm after ${policy.burstCalmSeconds} s`,
  };
}

function toFloor({ memory, policy }: Sight, idle: Verdict): Proposal | null {
  const floor = floorOf(memory.floor ?? policy.minWorkers, policy);
  return same(floor, memory.desired)
    ? null
    : { replicas: floor, why: `${idle.why}: to the floor of ${show(floor)}` };
}

function unknowns({ load, o }: Sight): string | null {
  const missing = [
    load.waiting === null ? 'queue length' : null,
    o.queue.waitingTokens === null ? 'waiting tokens' : null,
    load.ready.decode > 0 && load.decodeKv === null ? 'KV usage' : null,
    load.recentRps === null ? 'arrivals' : null,
  ].filter((name) => name !== null);
  return missing.length === 0 ? null : `hold: ${missing.join(', ')} unknown`;
}

/** The slow loop tells it each time. */
function beyondReach({ slow, facts }: Sight): string {
  return slow && facts.infeasible !== undefined ? `; ${facts.infeasible}` : '';
}

/** Nothing is done: whether what is ordered is enough, too much or all that the limits allow. */
function balance(s: Sight, candidates: readonly Candidate[], kept: string): string {
  const { memory, load, policy } = s;
  const ready = `${show(load.ready)} ready of ${show(memory.desired)} ordered`;
  const now = candidates.find((one) => same(one, memory.desired));
  // Where both forms were weighed, the fewest of its own.
  const own = (one: Candidate) => policy.form === undefined || one.prefill > 0 === policy.disaggregated;
  const need = candidates.find((one) => one.holds && own(one));
  if (now === undefined || need === undefined) return `enough: ${ready}`;
  if (!now.holds && !fits(need, policy))
    return (
      `out of reach: ${show(need)} needed, the limits are ${policy.gpuCeiling} GPUs and ${policy.maxWorkers} workers; ` +
      `with the ${show(memory.desired)} ordered ${now.why}`
    );
  if (!now.holds) return `${ready}, ${show(need)} needed: ${now.why}; not yet confirmed`;
  if (need.gpus < now.gpus) return `enough: ${ready}; ${show(need)} would do now, kept: ${kept}`;
  return `enough: ${ready}`;
}

/** Nothing but a retry of what was ordered before; silence while blind is no silence of the clients. */
function holdingPlan({ observation: o, policy, memory, now }: DecideInput, blind: Verdict): Plan {
  const unknown = { is: false, why: blind.why };
  const again = retry(memory, o, policy, now);
  return {
    pool: policy.pool,
    observationId: o?.id ?? `${policy.pool}-blind-${now}`,
    now,
    blind: { is: true, why: blind.why },
    idle: unknown,
    spike: unknown,
    calm: unknown,
    arrived: unknown,
    drained: unknown,
    more: null,
    surge: null,
    fewer: null,
    floor: null,
    restate: again,
    reason: again?.why ?? blind.why,
    numbers: {
      desired: memory.desired.decode,
      desiredPrefill: memory.desired.prefill,
      telemetryAgeSeconds: o?.telemetryAgeSeconds ?? null,
      allocatorAgeSeconds: o?.allocatorAgeSeconds ?? null,
      failures: memory.failures,
    },
    candidates: [],
    seenGeneration: o?.grant?.generation ?? 0,
    memory: {
      ...memory,
      lastTrafficAtMs: memory.lastTrafficAtMs === null ? null : now,
      lastShortAtMs: now,
      sightings: { prefill: 0, decode: 0, forecast: 0 },
    },
  };
}
