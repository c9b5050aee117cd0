import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../contract/errors.js';
import { duration } from './text.js';

/** The part of a terminal or file stream that is used. */
export interface StatusOutput {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

export interface WatchOptions {
  out: StatusOutput;
  /** Draw over what was there before; else one after another, each followed by `separator`. */
  live: boolean;
  separator: string;
  /** Ends the watch; absent: SIGINT and SIGTERM do. */
  signal?: AbortSignal | undefined;
}

const WATCH_MS = 1_000;
/** The alternate screen keeps what stood in the terminal before. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/**
 * Draws again each second until it is ended. A look that fails is told above what was seen last, with its age: old
 * figures never pass for new ones. @param look what there is to show; '' for nothing new.
 */
export async function watchLooks(options: WatchOptions, look: () => Promise<string>): Promise<void> {
  const { out, live } = options;
  const stop = new AbortController();
  const end = () => stop.abort();
  options.signal?.addEventListener('abort', end, { once: true });
  if (options.signal === undefined)
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, end);
  // A reader that went away (`| head`) ends the watch.
  out.on?.('error', end);
  if (options.signal?.aborted === true) return;
  if (live) out.write(ENTER);
  let lastShown = '';
  let shownMs = Date.now();
  try {
    while (!stop.signal.aborted) {
      const due = Date.now() + WATCH_MS;
      try {
        const text = await untilAborted(look(), stop.signal);
        if (text === null) break;
        lastShown = text;
        shownMs = Date.now();
        if (live) out.write(frame(text, out));
        else if (text !== '') out.write(`${text}${options.separator}`);
      } catch (error) {
        const age = duration((Date.now() - shownMs) / 1000);
        const line = `${SluiceError.from(error).message}; what follows is ${age} old`;
        if (live) out.write(frame(`${line}\n\n${lastShown}`, out));
      }
      await sleep(Math.max(0, due - Date.now()), undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    options.signal?.removeEventListener('abort', end);
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, end);
    // The last view stays in the terminal.
    if (live) out.write(`${LEAVE}${lastShown}\n`);
  }
}

/** Draws from the top, line over line, so that nothing flickers; what does not fit is left out. */
function frame(text: string, out: StatusOutput): string {
  const lines = text.split('\n').slice(0, Math.max(1, (out.rows ?? 24) - 1));
  return `\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(null);
    if (signal.aborted) return end();
    signal.addEventListener('abort', end, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}
