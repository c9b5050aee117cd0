import type { Share } from '../contract/request.js';

/** How long after the last of each that excess work, and a tenant within its share, count as being there, ms. */
export const LATELY_MS = 60_000;
/** Part of what a worker can hold that excess work fills only one prompt at a time. */
const KEPT_PART = 1 / 16;
/** Part of it that excess work never fills; an engine of fewer than 32 places has none to spare. */
const NEVER_PART = 1 / 64;

/** Whether a request came while its tenant, or its key, had more queued than its share. */
export function isExcess({ share }: { share?: Share | undefined }): boolean {
  return share?.excess === true;
}

/** Whether a request within its share came while another's work waited: workers that keep room are to hear of it. */
export function goesAhead({ share }: { share?: Share | undefined }): boolean {
  return share?.excess === false && share.contended === true;
}

/**
 * When a worker keeps a little room for requests within their share, and how much. It does so while it has lately taken
 * excess work and lately heard of a tenant within its share; else everything goes to whoever comes.
 */
export class Reserve {
  #excessAtMs = Number.NEGATIVE_INFINITY;
  #withinAtMs = Number.NEGATIVE_INFINITY;

  /** A request of a tenant above its share was taken. @param nowMs Unix ms */
  tookExcess(nowMs: number): void {
    this.#excessAtMs = nowMs;
  }

  /** A request within its share came while another tenant's work waited. @param nowMs Unix ms */
  heardWithin(nowMs: number): void {
    this.#withinAtMs = nowMs;
  }

  isOn(nowMs: number): boolean {
    return nowMs - Math.min(this.#excessAtMs, this.#withinAtMs) <= LATELY_MS;
  }
}

/**
 * Requests that may be taken though they are in excess. The last sixteenth of what a worker can hold they fill one prompt
 * at a time: there the next is taken when the one before has its first token. The last sixty-fourth they never fill, since
 * long answers leave so seldom that one prompt at a time fills all. So excess work never stops, and little stays idle.
 * @param room requests that the engine could take now @param held requests that it has
 * @param unbegun those of them in excess without a first token
 */
export function roomForExcess(room: number, held: number, unbegun: number): number {
  const kept = Math.ceil((room + held) * KEPT_PART);
  if (room > kept) return room - kept;
  const never = Math.round((room + held) * NEVER_PART);
  return unbegun === 0 && room > never ? 1 : 0;
}
