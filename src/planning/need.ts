import { NONE, type Replicas } from './replicas.js';
import type { Sight } from './sight.js';

/** Fewest replicas with which these equally likely rates keep the level within what may be late; null: unknown. */
export function needFor(s: Sight, rates: readonly number[]): Replicas | null {
  const { prospects, spending, policy, facts } = s;
  const most = Math.max(0, ...rates);
  if (most <= 0) return NONE;
  if (prospects === null) return s.sizing.forRate(most, policy, facts);
  if (facts.model !== null && facts.model.decode.rps <= 0) return null;
  const least = { prefill: policy.disaggregated ? policy.minPrefill : 0, decode: 1 };
  return prospects.need(
    rates,
    least,
    ({ late, lateWork }) => late <= spending.late && lateWork <= spending.lateWork,
  );
}
