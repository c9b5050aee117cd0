import { decisionSpan } from '../horizon.js';
import type { Proposal } from '../plan.js';
import type { RatesAhead } from '../rates.js';
import { fits, gpusOf, type Replicas, same, show } from '../replicas.js';
import type { Sight } from '../sight.js';
import { sightingsNeeded } from '../steps.js';
import { fixed, seconds } from '../words.js';
import { type Forms, savesEnough, sightOf, weigh, type Weighed } from './forms.js';
import { type FormMemory, NO_FORM, type PoolForm } from './memory.js';

/** A pool that changed its form keeps it for so long, and for so many cold starts. */
const HOLD_SECONDS = 900;
const HOLD_COLD_STARTS = 10;
/** A change is paid for so many times: there, and back. */
const WAYS = 2;

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
 * Where the limits have no room for both, the form stays, unless only the other one keeps the level within the limits.
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
  if (other.need === null) return nothing({ ...seen, saved: 0, sightings: 0, weighedAtMs: now });

  const { target, price } = wayTo(to, other.need, present, other, s);
  const enough = savesEnough(present, other);
  const since =
    seen.weighedAtMs === null
      ? 0
      : Math.min(now - seen.weighedAtMs, 2 * s.policy.adjustmentIntervalSeconds * 1000);
  const most = Math.max(price, s.policy.gpuCeiling * decisionSpan(s.coldStartSeconds, s.policy)) * WAYS;
  const saves = present.gpus - other.gpus;
  const saved = Math.min(most, Math.max(0, seen.saved + (saves * since) / 1000));
  const sightings = enough ? seen.sightings + 1 : 0;
  const weighed: FormMemory = { ...seen, saved, sightings, weighedAtMs: now };
  const kept = (why: string): FormStep => ({ ...nothing(weighed), other: { form: to, weighed: other, why } });
  const figures = `${show(other.need)} would do with ${fixed(saves)} GPU${saves === 1 ? '' : 's'} fewer`;
  if (saves <= 0) return kept('');
  if (!enough) return kept(`${figures}, too few to change the form`);
  if (target === null)
    return kept(
      `${figures}, but both forms do not fit ${s.policy.gpuCeiling} GPUs and ${s.policy.maxWorkers} workers`,
    );
  const held = holdMs(s);
  const age = seen.changedAtMs === null ? held : now - seen.changedAtMs;
  if (age < held) return kept(`${figures}; the form changed ${seconds(age)} ago, held for ${seconds(held)}`);
  if (sightings < sightingsNeeded(s.policy.aggressiveness) || saved < price)
    return kept(
      `${figures}; ${fixed(saved)} of the ${fixed(price)} GPU-seconds that a change costs are saved so far`,
    );
  const draining = s.o.workers.decode.draining + s.o.workers.prefill.draining > 0;
  if (!calm || draining || memory.order !== null) return kept(`${figures}, once nothing else is under way`);
  const why = `change to ${to}: ${show(other.need)} keep the level with ${other.gpus} GPUs, ${present.fits ? `${form} ${show(present.need ?? desired)} with ${present.gpus}` : `${form} not within ${s.policy.gpuCeiling}`}`;
  if (to === 'disaggregated' || !present.fits)
    return {
      memory: { ...weighed, saved: 0, sightings: 0 },
      more: { replicas: target, why },
      fewer: null,
      other: null,
    };
  const leaving: FormMemory = { ...weighed, saved: 0, sightings: 0, leaving: true };
  if (!same(target, desired))
    return { memory: leaving, more: { replicas: target, why }, fewer: null, other: null };
  if (s.short) return nothing(leaving);
  return { memory: leaving, more: null, fewer: { replicas: { ...desired, prefill: 0 }, why }, other: null };
}

/** What is ordered for the change, null: it does not fit; and GPU-seconds that it costs. */
function wayTo(
  to: PoolForm,
  need: Replicas,
  present: Weighed,
  other: Weighed,
  s: Sight,
): { target: Replicas | null; price: number } {
  const { policy, memory } = s;
  const { desired } = memory;
  const span = decisionSpan(s.coldStartSeconds, policy);
  const during = {
    prefill: to === 'disaggregated' ? need.prefill : desired.prefill,
    decode: Math.max(desired.decode, need.decode),
  };
  if (fits(during, policy)) {
    const extra = gpusOf(during, policy) - Math.max(gpusOf(desired, policy), present.fits ? present.gpus : 0);
    return { target: during, price: Math.max(0, extra) * WAYS * span };
  }
  if (present.fits || !other.fits) return { target: null, price: 0 };
  // The level is not kept as it is: as many decode workers stay as there is room for, and the new ones take the others' place.
  const stay = { ...need };
  while (fits({ ...stay, decode: stay.decode + 1 }, policy) && stay.decode < during.decode) stay.decode++;
  return { target: stay, price: other.gpus * WAYS * span };
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

function nothing(memory: FormMemory): FormStep {
  return { memory, more: null, fewer: null, other: null };
}

function holdMs({ coldStartSeconds }: Sight): number {
  return Math.max(HOLD_SECONDS, HOLD_COLD_STARTS * coldStartSeconds) * 1000;
}
