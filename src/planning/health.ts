import type { PoolObservation } from '../contract/observation.js';
import type { PlannerMemory } from './memory.js';
import type { Verdict } from './plan.js';
import type { PoolPolicy } from './policy.js';
import { fixed, seconds } from './words.js';

/** Whether there is ground to act on: telemetry fresh, the allocator heard, orders answered. */
export function judgeHealth(
  o: PoolObservation | null,
  memory: PlannerMemory,
  policy: PoolPolicy,
  now: number,
): Verdict {
  const blind = (why: string) => ({ is: true, why: `hold: ${why}` });
  if (o === null || o.telemetryAgeSeconds === null) return blind('no telemetry');
  const age = Math.max(o.telemetryAgeSeconds, o.telemetryAgeSeconds + (now - o.atMs) / 1000);
  if (!(age <= policy.telemetryStaleSeconds))
    return blind(`telemetry is ${fixed(age)} s old, stale after ${policy.telemetryStaleSeconds} s`);
  if (o.allocatorAgeSeconds === null) return blind('the allocator was never heard');
  if (o.allocatorAgeSeconds > policy.allocatorSilentSeconds)
    return blind(
      `the allocator is silent for ${fixed(o.allocatorAgeSeconds)} s, allowed ${policy.allocatorSilentSeconds} s`,
    );
  if (memory.failures > 0) return blind(`${memory.failures} orders in a row failed`);
  if (memory.order !== null && memory.orderedAtMs !== null) {
    const waited = now - memory.orderedAtMs;
    if (waited > policy.orderOverdueSeconds * 1000)
      return blind(`order ${memory.order.generation} is unanswered for ${seconds(waited)}`);
  }
  return { is: false, why: 'telemetry is fresh, the allocator answers' };
}
