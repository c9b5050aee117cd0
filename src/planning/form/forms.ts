import type { PoolObservation } from '../../contract/observation.js';
import { type DecideInput, look } from '../look.js';
import type { PlannerMemory } from '../memory.js';
import { needFor } from '../need.js';
import type { PoolPolicy } from '../policy.js';
import { atLeast, fits, floorOf, gpusOf, type Replicas } from '../replicas.js';
import type { Sight } from '../sight.js';
import type { PoolForm } from './memory.js';

/** The other form must need so much less of the present one's GPUs, and at least one GPU less. */
const SHARE = 0.1;

/** Both ways in which a pool that chooses its form can serve, each as the rest of planning sees a pool of that form. */
export interface Forms {
  /** How the pool is to serve: as it does, unless its prefill workers are to go. */
  present: PoolForm;
  aggregated: Sight;
  /** Null: no capacity model, or no prompt is long enough. */
  disaggregated: Sight | null;
}

/** What a form needs for the rates to come. */
export interface Weighed {
  /** With the floor; null: unknown, or nothing can be served so. */
  need: Replicas | null;
  /** GPUs of it; what is beyond the pool's limits counts as one more than they are. */
  gpus: number;
  fits: boolean;
}

/** Null: the pool's form is configured. */
export function formsOf(input: DecideInput, o: PoolObservation): Forms | null {
  const { policy, facts } = input;
  if (policy.form !== 'auto') return null;
  const { halves, ...own } = facts;
  const aggregated = look({ ...input, facts: own }, o);
  if (halves === undefined || facts.model === null)
    return { present: 'aggregated', aggregated, disaggregated: null };
  const split = { ...input, policy: disaggregatedOf(policy), facts: { ...own, ...halves } };
  const disaggregated = look(split, o);
  const forms = { aggregated, disaggregated };
  return { present: presentForm(input.memory, forms), ...forms };
}

const disaggregatedPolicies = new WeakMap<PoolPolicy, PoolPolicy>();

/** One object for each policy, so that what was computed for it is found again (`prospectsOf`). */
function disaggregatedOf(policy: PoolPolicy): PoolPolicy {
  const known = disaggregatedPolicies.get(policy);
  if (known !== undefined) return known;
  const disaggregated = { ...policy, disaggregated: true };
  disaggregatedPolicies.set(policy, disaggregated);
  return disaggregated;
}

/** What the pool is planned as. */
export function sightOf({ present, aggregated, disaggregated }: Forms): Sight {
  return present === 'disaggregated' ? (disaggregated ?? aggregated) : aggregated;
}

function presentForm(memory: PlannerMemory, forms: Omit<Forms, 'present'>): PoolForm {
  const { desired } = memory;
  if (desired.prefill > 0) return memory.form?.leaving === true ? 'aggregated' : 'disaggregated';
  if (desired.decode > 0) return 'aggregated';
  // Nothing runs that could stay as it is: the cheaper form for what comes now, aggregated where they cost the same.
  const { outlook, load } = forms.aggregated;
  const rates = outlook?.leads.at(-1)?.rates ?? [load.recentRps ?? 0];
  const split = weigh(forms, 'disaggregated', rates);
  return split.fits && savesEnough(weigh(forms, 'aggregated', rates), split) ? 'disaggregated' : 'aggregated';
}

export function weigh(forms: Omit<Forms, 'present'>, form: PoolForm, rates: readonly number[]): Weighed {
  const s = forms[form];
  const { policy, memory } = forms.aggregated;
  const beyond = policy.gpuCeiling + 1;
  // Prefill workers that nothing is known to be sent to: what decodes serves whole requests.
  const rest = { prefill: 0, decode: Math.max(1, memory.desired.decode) };
  const load = s === null ? null : (needFor(s, rates) ?? (forms.disaggregated === null ? rest : null));
  if (load === null) return { need: null, gpus: beyond, fits: false };
  const need = atLeast(load, floorOf(memory.floor ?? policy.minWorkers, policy));
  const inLimits = fits(need, policy);
  return { need, gpus: inLimits ? gpusOf(need, policy) : beyond, fits: inLimits };
}

/** Whether `other` needs so few GPUs that it is more than the difference of two estimates. */
export function savesEnough(present: Weighed, other: Weighed): boolean {
  return present.gpus - other.gpus >= Math.max(1, SHARE * present.gpus);
}
