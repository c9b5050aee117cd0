/** What the process that holds pages open is told, and what it answers. */
export type PagesMessage = { type: 'open'; url: string; pages: number } | { type: 'close' };
export type PagesReply = { type: 'ready' } | { type: 'opened' } | { type: 'closed'; read: PagesRead };

/** What the pages read between their first whole view, which is left out, and their end. */
export interface PagesRead {
  pages: number;
  seconds: number;
  /** Of all pages. */
  bytes: number;
  events: number;
  /** The most that one page read in ten seconds, a second. */
  mostBytesPerSecond: number;
  /** Of one page, the whole view that it got at first. */
  firstBytes: number;
}
