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

/** Several times of reading as one. */
export function together(reads: readonly PagesRead[]): PagesRead {
  const sum = (of: (read: PagesRead) => number) => reads.reduce((total, read) => total + of(read), 0);
  return {
    pages: reads[0]?.pages ?? 0,
    seconds: sum(({ seconds }) => seconds),
    bytes: sum(({ bytes }) => bytes),
    events: sum(({ events }) => events),
    mostBytesPerSecond: Math.max(...reads.map((read) => read.mostBytesPerSecond)),
    firstBytes: reads[0]?.firstBytes ?? 0,
  };
}
