import type { PoolConfig } from '../config/types.js';
import type { RoutedRequest } from '../contract/request.js';
import { deadlinesOf } from './limits.js';

/**
 * A request as `to`, a pool of a lower level, takes it over: due and expiring by that pool's terms, as far as it did not bring its
 * own. TTFT still counts from its acceptance. It has no turn in that pool's fair order yet.
 */
export function relegatedTo(request: RoutedRequest, to: PoolConfig): RoutedRequest {
  const { expiresAtMs, share: _, ...kept } = request;
  const { acceptedAtMs, targets, level, ownExpiry } = request;
  const own = targets?.ttftSeconds;
  const terms = {
    slo: own === undefined ? undefined : { ttft_ms: own * 1000 },
    deadline_ms: ownExpiry && expiresAtMs !== undefined ? expiresAtMs - acceptedAtMs : undefined,
  };
  const { deadlineMs, expiresAtMs: expires } = deadlinesOf(terms, to, acceptedAtMs);
  return {
    ...kept,
    pool: to.name,
    level: to.level,
    relegatedFrom: request.relegatedFrom ?? level,
    deadlineMs,
    ...(expires === undefined ? {} : { expiresAtMs: expires }),
  };
}
