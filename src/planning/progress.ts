import type { PoolObservation } from '../contract/observation.js';
import type { PlannerMemory } from './memory.js';
import type { Proposal, Verdict } from './plan.js';
import type { PoolPolicy } from './policy.js';
import { atLeast, growWithin, same, show, trim } from './replicas.js';
import type { Sight } from './sight.js';
import { seconds } from './words.js';

/** A worker that is not ready after so many cold starts is not waited for any longer. */
const PATIENCE_COLD_STARTS = 3;
const PATIENCE_SECONDS = 60;
/** Workers that crash again and again get another chance this often. */
const CRASH_RETRY_SECONDS = 60;

/** How long workers that were ordered are waited for, ms. */
export function patienceMs({ coldStartSeconds }: Sight): number {
  return Math.max(PATIENCE_SECONDS, PATIENCE_COLD_STARTS * coldStartSeconds) * 1000;
}

export function judgeArrived(s: Sight): Verdict {
  const { memory, load, expected, now } = s;
  if (memory.order !== null) return { is: false, why: `order ${memory.order.generation} has no answer yet` };
  if (!s.short) return { is: true, why: `${show(load.ready)} ready of ${show(memory.desired)} ordered` };
  const waited = memory.lastMoreAtMs === null ? Number.POSITIVE_INFINITY : now - memory.lastMoreAtMs;
  const counts = `${show(load.ready)} ready of ${show(expected)} granted`;
  return waited > patienceMs(s)
    ? { is: true, why: `${counts}; waited ${seconds(waited)}, go on without` }
    : { is: false, why: counts };
}

export function judgeDrained({ memory, o }: Sight): Verdict {
  const { prefill, decode } = o.workers;
  const left = prefill.draining + decode.draining;
  const over =
    Math.max(0, prefill.ready + prefill.starting - memory.desired.prefill) +
    Math.max(0, decode.ready + decode.starting - memory.desired.decode);
  return { is: memory.order === null && left + over === 0, why: `${left} draining, ${over} to drain` };
}

/** The same plan again: the limits changed, the ledger holds another order, or crashed workers get another chance. */
export function restate({ memory, policy, o, now }: Sight): Proposal | null {
  const { desired, generation } = memory;
  const inLimits = trim(desired, policy);
  if (!same(inLimits, desired))
    return { replicas: inLimits, why: `the limits allow ${show(inLimits)} of ${show(desired)}` };
  if (memory.order !== null || generation === 0) return null;
  if (o.grant === null || o.grant.generation < generation)
    return { replicas: desired, why: `the ledger lost order ${generation}` };
  if (o.grant.generation > generation)
    return {
      replicas: desired,
      why: `the ledger holds order ${o.grant.generation}, newer than ${generation}`,
    };
  const since = memory.orderedAtMs === null ? Number.POSITIVE_INFINITY : now - memory.orderedAtMs;
  if (o.grant.shortage === 'crash-loop' && since >= CRASH_RETRY_SECONDS * 1000)
    return { replicas: desired, why: `workers crash; try again after ${CRASH_RETRY_SECONDS} s` };
  return null;
}

/** After failed orders, once the wait is over: the last good plan, and never fewer than the pool holds. */
export function retry(
  memory: PlannerMemory,
  o: PoolObservation | null,
  policy: PoolPolicy,
  now: number,
): Proposal | null {
  if (memory.order !== null || memory.retryAtMs === null || now < memory.retryAtMs) return null;
  const desired = trim(memory.desired, policy);
  const held = o?.grant ?? desired;
  const replicas = growWithin(
    desired,
    atLeast(desired, { prefill: held.prefill, decode: held.decode }),
    policy,
  );
  return { replicas, why: `order the last good plan again after ${memory.failures} failures` };
}
