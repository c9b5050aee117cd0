import type { Config } from '../../config/types.js';
import type { Counted } from '../run/options.js';

/** Fewer waiting requests are no burden to go on with. */
const MANY_WAITING = 500_000;

/**
 * Asked once for each interval of a run (`giveUp`): true once a level surely cannot be kept any more and its backlog has
 * grown beyond half a million. A policy that starves a pool for a week would else hold tens of millions of requests and
 * simulate the weeks after it that they take. Missed are those that ended so, and those that wait without a first
 * token since before the last interval, which is longer than the TTFT target.
 *
 * `requests`: of each pool over the whole run.
 */
export function hopelessWatch(
  config: Config,
  requests: Readonly<Record<string, number>>,
  intervalSeconds: number,
): (pools: Readonly<Record<string, Counted>>) => boolean {
  const pools = Object.values(config.pools);
  // What waits in a pool may have been sent on from another, and counts there.
  const judged = pools.some(({ overload }) => overload.policy === 'relegate')
    ? []
    : pools.filter(({ targets }) => targets.ttftSeconds <= intervalSeconds);
  const before = new Map<string, number>();
  return (counted) =>
    judged
      .map(({ name, violationsAllowed }) => {
        const now = counted[name];
        if (now === undefined) return false;
        const fresh = now.requests - (before.get(name) ?? 0);
        before.set(name, now.requests);
        const missed = now.missed + Math.max(0, now.waiting - fresh);
        return now.waiting > MANY_WAITING && missed > violationsAllowed * (requests[name] ?? 0);
      })
      .some((hopeless) => hopeless);
}
