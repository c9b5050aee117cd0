import type { RoutedRequest } from '../contract/request.js';
import { TICKS } from './deadline.js';

/** Requests of the pool's expected lengths that a tenant, by all its keys, may run ahead of its own order. */
export const BORROWED_REQUESTS = 8;
/** Requests of the pool's expected lengths whose share a tenant that used less keeps, so that it may come in bursts. */
export const KEPT_REQUESTS = 4;

const OUTPUT_WEIGHT = 2;

/**
 * Fair order inside a pool. Each request gets a start tag by start-time fair queueing (Goyal, Vin, Cheng 1996), its cost
 * counted in tokens as the virtual token counter does (Sheng et al., OSDI 2024): an output token costs twice an input
 * token. The tag takes the place of the time of arrival in deadline order, so that a tenant that asks for more than its
 * share stands behind the others, while those within theirs are served as if it were not there.
 *
 * Tenants share a pool, the keys of a tenant share what the tenant has. While two tenants with one key each both have
 * work waiting, the costs of what they began differ by at most the largest request of each and
 * `KEPT_REQUESTS + BORROWED_REQUESTS` of the pool's expected lengths: what who comes may have kept, and how far virtual time is
 * behind what began last (share.lua). A key that begins while its tenant has work queued goes between that work; its tenant
 * gains another `BORROWED_REQUESTS` by that at most, however many keys it has. What an answer costs is predicted when it is
 * queued and put right when it has ended; until then the gap may be that much wider.
 *
 * Cost of a request, in input tokens.
 */
export function tokenCost(isl: number, osl: number): number {
  return isl + OUTPUT_WEIGHT * osl;
}

/**
 * The longest time that counts between a turn and when the first token is due, ticks: well within the span, so that what
 * two tenants want by tomorrow is not all in its last tick, in order of arrival.
 */
const LONGEST_TICKS = TICKS / 4;

/**
 * The key of a request in its pool's order, Unix ms: when its first token is due, counted from its turn if it has one.
 * @param resolutionMs of the deadline order
 */
export function orderOf({ acceptedAtMs, deadlineMs, share }: Ordered, resolutionMs: number): number {
  if (share === undefined) return deadlineMs;
  return share.startMs + Math.min(deadlineMs - acceptedAtMs, LONGEST_TICKS * resolutionMs);
}

type Ordered = Pick<RoutedRequest, 'acceptedAtMs' | 'deadlineMs' | 'share'>;
