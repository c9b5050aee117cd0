import type { LookAhead } from '../config/types.js';
import { unreachable } from '../contract/errors.js';
import type { PlannerMemory } from './memory.js';
import type { PoolPolicy } from './policy.js';

/**
 * Seconds that the slow loop looks ahead before it may add: a worker ordered now serves after a cold start, and the
 * next look comes an interval later. `proactive`: all of that; `moderate`: half; `reactive`: null, never ahead.
 */
export function lookAheadSeconds(lookAhead: LookAhead, span: number): number | null {
  switch (lookAhead) {
    case 'proactive':
      return span;
    case 'moderate':
      return span / 2;
    case 'reactive':
      return null;
    default:
      return unreachable(lookAhead);
  }
}

/** Whether the slow loop is due. */
export function isSlowDue(memory: PlannerMemory, policy: PoolPolicy, now: number): boolean {
  return memory.lastSlowAtMs === null || now - memory.lastSlowAtMs >= policy.adjustmentIntervalSeconds * 1000;
}

/** One cold start and one adjustment interval: what a decision to remove a worker must answer for. */
export function decisionSpan(coldStartSeconds: number, policy: PoolPolicy): number {
  return coldStartSeconds + policy.adjustmentIntervalSeconds;
}
