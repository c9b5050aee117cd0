import { decisionSpan } from '../horizon.js';
import type { Proposal } from '../plan.js';
import { patienceMs } from '../progress.js';
import type { RatesAhead } from '../rates.js';
import { fits, same, show } from '../replicas.js';
import type { Sight } from '../sight.js';
import { sightingsNeeded } from '../steps.js';
import { fixed, seconds } from '../words.js';
import { type Forms, savesEnough, sightOf, type Weighed, weigh } from './forms.js';
import { type FormMemory, NO_FORM, type PoolForm } from './memory.js';
import { WAYS, type Way, wayTo } from './way.js';

/** A pool that changed its form keeps it for so long, and for so many cold starts. */
const HOLD_SECONDS = 900;
const HOLD_COLD_STARTS = 10;

/** What becomes of the pool's form on one tick. */
export interface FormStep {
  memory: FormMemory;
  /** Workers that the other form lacks, beside all that serve now. */
  more: Proposal | null;
  /** The prefill workers go: those that stay serve whole requests. */
  fewer: Proposal | null;
  /** The form that the pool does not have, and why it stays so; null: not weighed now. */
  other: { form: PoolForm; weighed: Weighed; why: string } | null;
}

/**
 * Whether a pool that serves is to change its form, by the slow loop. The other form must save at least one GPU and a tenth
 * on as many weighings in a row as the pool's aggressiveness asks for, and in all at least what holding the workers of both
 * forms costs for a cold start and an interval, there and back. Where the workers to add are no more than the present form
 * would have to add, that is nothing. Between two changes lie 15 minutes and ten cold starts.
 *
 * To disaggregated, all prefill workers are ordered at once beside what serves; decode workers leave as any worker that the
 * load does not need. To aggregated, the workers that serve whole come first, and the prefill workers go when those are ready.
 * Where the limits have no room for both, the form stays, unless only the other one keeps the level within the limits. Where
 * the prefill workers do not come, the change is taken back.
 */
export function changeForm(
  forms: Forms,
  likely: RatesAhead | null,
  { idle, calm }: { idle: boolean; calm: boolean },
): FormStep {
  const s = sightOf(forms);
  const { memory, now } = s;
  const { desired } = memory;
  if (idle || (desired.prefill === 0 && desired.decode === 0)) return nothing(NO_FORM);
  const past = memory.form ?? NO_FORM;
  const form: PoolForm = desired.prefill > 0 ? 'disaggregated' : 'aggregated';
  const changed = past.form !== null && past.form !== form;
  const seen: FormMemory = {
    ...past,
    form,
    changedAtMs: changed ? now : past.changedAtMs,
    ...(changed ? { saved: 0, sightings: 0 } : {}),
    leaving: past.leaving && form === 'disaggregated',
  };
  if (!s.slow || likely === null) return nothing(seen);
  if (seen.leaving) return leave(seen, s, weigh(forms, 'aggregated', likely.rates));
  const present = weigh(forms, form, likely.rates);
  const to: PoolForm = form === 'aggregated' ? 'disaggregated' : 'aggregated';
  const other = weigh(forms, to, likely.rates);
  const failed = to === 'aggregated' ? withoutPrefill(seen, s, other, calm) : null;
  if (failed !== null) return failed;
  if (other.need === null) return nothing({ ...seen, saved: 0, sightings: 0, weighedAtMs: now });

  const saves = present.gpus - other.gpus;
  const way = wayTo(to, other.need, present, other, s);
  const weighed = withSaved(seen, s, saves, way.price, savesEnough(present, other));
  const figures = `${show(other.need)} would do with ${gpus(saves)} fewer`;
  const kept = (why: string): FormStep => ({ ...nothing(weighed), other: { form: to, weighed: other, why } });
  if (saves <= 0) return kept('');
  const why = whyNot(weighed, way, s, calm);
  if (why !== null) return kept(`${figures}${why}`);
  return change(to, { ...weighed, saved: 0, sightings: 0 }, way, present, other, s);
}

/** Adds what the other form would have saved since the last weighing; bounded, so that a new load is soon believed. */
function withSaved(seen: FormMemory, s: Sight, saves: number, price: number, enough: boolean): FormMemory {
  const { policy, now, coldStartSeconds } = s;
  const longest = 2 * policy.adjustmentIntervalSeconds * 1000;
  const since = seen.weighedAtMs === null ? 0 : Math.min(now - seen.weighedAtMs, longest);
  const most = Math.max(price, policy.gpuCeiling * decisionSpan(coldStartSeconds, policy)) * WAYS;
  return {
    ...seen,
    saved: Math.min(most, Math.max(0, seen.saved + (saves * since) / 1000)),
    sightings: enough ? seen.sightings + 1 : 0,
    weighedAtMs: now,
  };
}

/** What speaks against a change that would save GPUs; null: nothing. */
function whyNot(weighed: FormMemory, { target, price }: Way, s: Sight, calm: boolean): string | null {
  const { policy, memory, now, o } = s;
  if (weighed.sightings === 0) return ', too few to change the form';
  if (target === null)
    return `, but both forms do not fit ${policy.gpuCeiling} GPUs and ${policy.maxWorkers} workers`;
  const held = holdMs(s);
  const age = weighed.changedAtMs === null ? held : now - weighed.changedAtMs;
  if (age < held) return `; the form changed ${seconds(age)} ago, held for ${seconds(held)}`;
  if (weighed.sightings < sightingsNeeded(policy.aggressiveness) || weighed.saved < price)
    return `; ${fixed(weighed.saved)} of the ${fixed(price)} GPU-seconds that a change costs are saved so far`;
  const draining = o.workers.decode.draining + o.workers.prefill.draining > 0;
  return calm && !draining && memory.order === null ? null : ', once nothing else is under way';
}

function change(
  to: PoolForm,
  memory: FormMemory,
  { target, swap }: Way,
  present: Weighed,
  other: Weighed,
  s: Sight,
): FormStep {
  const { desired } = s.memory;
  const from = to === 'aggregated' ? 'disaggregated' : 'aggregated';
  const why =
    `change to ${to}: ${show(other.need ?? desired)} keep the level, ` +
    (present.need !== null && present.fits
      ? `${from} it takes ${show(present.need)}, ${gpus(present.gpus - other.gpus)} more`
      : `${from} ${s.policy.gpuCeiling} GPUs do not`);
  const chosen = {
    form: to,
    weighed: other,
    why: `the fewest GPUs that keep the level; the pool changes to ${to}`,
  };
  const replicas = target ?? desired;
  if (to === 'disaggregated' || swap) return { memory, more: { replicas, why }, fewer: null, other: chosen };
  const leaving = { ...nothing({ ...memory, leaving: true }), other: chosen };
  if (!same(replicas, desired)) return { ...leaving, more: { replicas, why } };
  return s.short ? leaving : { ...leaving, fewer: { replicas: { ...desired, prefill: 0 }, why } };
}

/** The prefill workers go once enough workers are ready that serve whole requests; growth orders them. */
function leave(seen: FormMemory, s: Sight, { need }: Weighed): FormStep {
  const { desired } = s.memory;
  const whole = need?.decode ?? desired.decode;
  if (!fits({ ...desired, decode: Math.max(desired.decode, whole) }, s.policy))
    return nothing({ ...seen, leaving: false });
  const draining = s.o.workers.decode.draining + s.o.workers.prefill.draining > 0;
  if (s.short || draining || s.memory.order !== null || desired.decode < whole) return nothing(seen);
  const replicas = { ...desired, prefill: 0 };
  return {
    ...nothing(seen),
    fewer: { replicas, why: `change to aggregated: ${show(replicas)} are ready to serve whole requests` },
  };
}

/**
 * Prefill workers that were not granted, or do not become ready: the few there are would hold up every long prompt. Where the
 * workers that decode are enough to serve whole requests, the pool does. Null: nothing of it.
 */
function withoutPrefill(seen: FormMemory, s: Sight, whole: Weighed, calm: boolean): FormStep | null {
  const { memory, load, expected, o, now } = s;
  const { desired } = memory;
  if (memory.order !== null || !calm || o.workers.decode.draining > 0) return null;
  const waited = memory.lastMoreAtMs === null ? Number.POSITIVE_INFINITY : now - memory.lastMoreAtMs;
  const missing = load.ready.prefill < desired.prefill && waited > patienceMs(s);
  if (!missing && expected.prefill >= desired.prefill) return null;
  if (whole.need === null || whole.need.decode > load.ready.decode) return null;
  const why =
    `back to aggregated: ${expected.prefill} of ${desired.prefill} prefill workers granted, ${load.ready.prefill} ready; ` +
    `${load.ready.decode} workers serve whole requests`;
  const replicas = { ...desired, prefill: 0 };
  return { memory: { ...seen, leaving: true }, more: null, fewer: { replicas, why }, other: null };
}

function nothing(memory: FormMemory): FormStep {
  return { memory, more: null, fewer: null, other: null };
}

function gpus(n: number): string {
  return `${n} GPU${n === 1 ? '' : 's'}`;
}

function holdMs({ coldStartSeconds }: Sight): number {
  return Math.max(HOLD_SECONDS, HOLD_COLD_STARTS * coldStartSeconds) * 1000;
}
