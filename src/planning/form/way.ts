import { decisionSpan } from '../horizon.js';
import { fits, gpusOf, type Replicas } from '../replicas.js';
import type { Sight } from '../sight.js';
import type { Weighed } from './forms.js';
import type { PoolForm } from './memory.js';

/** A change is paid for so many times: there, and back. */
export const WAYS = 2;

/** How a change would go. */
export interface Way {
  /** What is ordered first, null: it does not fit. */
  target: Replicas | null;
  /** Workers of one form take the place of those of the other. */
  swap: boolean;
  /** GPU-seconds that it costs. */
  price: number;
}

/** The way from the pool's form to another that needs `need`. */
export function wayTo(to: PoolForm, need: Replicas, present: Weighed, other: Weighed, s: Sight): Way {
  const { policy, memory } = s;
  const { desired } = memory;
  const span = decisionSpan(s.coldStartSeconds, policy);
  const during = {
    prefill: to === 'disaggregated' ? need.prefill : desired.prefill,
    decode: Math.max(desired.decode, need.decode),
  };
  if (fits(during, policy)) {
    const extra = gpusOf(during, policy) - Math.max(gpusOf(desired, policy), present.fits ? present.gpus : 0);
    return { target: during, swap: false, price: Math.max(0, extra) * WAYS * span };
  }
  if (present.fits || !other.fits) return { target: null, swap: false, price: 0 };
  // The level is not kept as it is: as many decode workers stay as there is room for, and the new ones take the others' place.
  const stay = { ...need };
  while (fits({ ...stay, decode: stay.decode + 1 }, policy) && stay.decode < during.decode) stay.decode++;
  return { target: stay, swap: true, price: other.gpus * WAYS * span };
}
