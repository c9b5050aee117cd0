import type { Share } from '../contract/request.js';

/** How long after the last of each that excess work, and a tenant within its share, count as being there, ms. */
export const LATELY_MS = 60_000;
/** Part of what a worker can hold that excess work fills only one prompt at a time. */
const KEPT_PART = 1 / 16;
/** Part of it that excess work never fills; an engine of fewer than 32 places has none to spare. */
const NEVER_PART = 1 / 64;
/** Excess work that was taken so lately is what makes others late, ms. */
const CROWDED_MS = 5_000;

/** Whether a request came while its tenant, or its key, had more than its share. */
export function isExcess({ share }: { share?: Share | undefined }): boolean {
  return share?.excess === true;
}

/** Whether a request within its share came while another's work waited: workers that keep room are to hear of it. */
export function goesAhead({ share }: { share?: Share | undefined }): boolean {
  return share?.excess === false && share.contended === true;
}

/** Whether a request that is refused is one that others are to leave room for: within its share while another tenant is there. */
export function isCrowdedOut({ share }: { share?: Share | undefined }): boolean {
  return share?.excess === false && share.others === true;
}

/**
 * When a worker keeps a little room for requests within their share, and how much. It does so while it has lately taken
 * excess work and lately heard of a tenant within its share; else everything goes to whoever comes.
 */
export class Reserve {
  #excessAtMs = Number.NEGATIVE_INFINITY;
  #withinAtMs = Number.NEGATIVE_INFINITY;
  #inTurnAtMs = Number.NEGATIVE_INFINITY;

  /** A request of a tenant above its share was taken. @param nowMs Unix ms @param inTurn not because it had waited too long */
  tookExcess(nowMs: number, inTurn = true): void {
    this.#excessAtMs = nowMs;
    if (inTurn) this.#inTurnAtMs = nowMs;
  }

  /** Excess work has lately been taken in its turn: there would have been room for those within their share. */
  isCrowded(nowMs: number): boolean {
    return nowMs - this.#inTurnAtMs <= CROWDED_MS;
  }

  /** A request within its share came while another tenant's work waited. @param nowMs Unix ms */
  heardWithin(nowMs: number): void {
    this.#withinAtMs = nowMs;
  }

  isOn(nowMs: number): boolean {
    return nowMs - Math.min(this.#excessAtMs, this.#withinAtMs) <= LATELY_MS;
  }
}

/** What a worker holds, as `roomForExcess` asks for it. */
export interface HeldWork {
  /** Requests that the engine could take now. */
  room: number;
  /** Places that nobody has: `room` may be less while prompts wait. */
  free: number;
  /** Requests that it has; `unbegun` those of them in excess without a first token, `within` those of tenants within their part. */
  held: number;
  unbegun: number;
  within: number;
  /** Places that those tenants are likely to need besides (`Holdings.due`). */
  due: number;
}

/**
 * Requests that may be taken though they are in excess. The last sixteenth of what a worker can take they fill one prompt
 * at a time: there the next is taken when the one before has its first token, so that they do not all end together either. The
 * last sixty-fourth of its places they never fill, since long answers leave so seldom that one prompt at a time fills all; nor
 * what those within their share are likely to need, up to half of all. So excess work never stops, and little stays idle.
 */
export function roomForExcess({ room, free, held, unbegun, within, due }: HeldWork): number {
  const places = free + held;
  const half = Math.max(0, Math.floor(places / 2) - within);
  const never = Math.max(Math.round(places * NEVER_PART), Math.min(due, half));
  const kept = Math.ceil((room + held) * KEPT_PART);
  const oneByOne = unbegun === 0 ? 1 : 0;
  return Math.max(0, Math.min(room > kept ? room - kept : oneByOne, free - never));
}
