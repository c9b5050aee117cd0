import type { PoolConfig } from '../config/types.js';
import type { RoutedRequest } from '../contract/request.js';

/**
 * A request of `from` as `to`, a pool of a lower level, takes it over: due and expiring by that pool's terms, as far as it did
 * not bring its own. TTFT still counts from its acceptance. It has no turn in that pool's fair order yet.
 */
export function relegatedTo(request: RoutedRequest, from: PoolConfig, to: PoolConfig): RoutedRequest {
  const { expiresAtMs, share: _, ...kept } = request;
  const { acceptedAtMs, targets, level } = request;
  const expires = expiresAtMs === expiryOf(from, acceptedAtMs) ? expiryOf(to, acceptedAtMs) : expiresAtMs;
  const due = acceptedAtMs + Math.round((targets?.ttftSeconds ?? to.targets.ttftSeconds) * 1000);
  return {
    ...kept,
    pool: to.name,
    level: to.level,
    relegatedFrom: request.relegatedFrom ?? level,
    deadlineMs: expires === undefined ? due : Math.min(due, expires),
    ...(expires === undefined ? {} : { expiresAtMs: expires }),
  };
}

/** When a request that brings no deadline expires in a pool, Unix ms; undefined: never. */
export function expiryOf({ queueTimeoutSeconds }: PoolConfig, acceptedAtMs: number): number | undefined {
  return queueTimeoutSeconds === null ? undefined : acceptedAtMs + Math.round(queueTimeoutSeconds * 1000);
}
