import { apply, type Change } from '../delta.js';

/** What became of the stream. */
export type StreamState = 'connecting' | 'live' | 'away' | 'refused';

export interface StreamHandlers<T> {
  onValue(value: T): void;
  onState(state: StreamState, message: string | null): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;
/** The gateway sends each second; a silence so long is a dead connection. */
const SILENT_MS = 10_000;

/**
 * Follows a stream of `whole` and `delta` events. Read with fetch, since EventSource cannot send a key. After a break it
 * comes back with the last id that it has, and gets the difference.
 */
export class Stream<T> {
  #value: T | undefined;
  #lastId = '';
  #stopped = false;
  #attempt: AbortController | undefined;

  constructor(
    private readonly path: string,
    private readonly headers: () => Record<string, string>,
    private readonly handlers: StreamHandlers<T>,
  ) {}

  async run(): Promise<void> {
    let wait = FIRST_WAIT_MS;
    while (!this.#stopped) {
      const began = performance.now();
      const message = await this.#once();
      if (message === 'refused') return;
      if (this.#stopped) return;
      if (performance.now() - began > SILENT_MS) wait = FIRST_WAIT_MS;
      this.handlers.onState('away', message);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(LONGEST_WAIT_MS, wait * 2);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#attempt?.abort();
  }

  /** One connection, to its end. @returns why it ended. */
  async #once(): Promise<string> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    let silence = setTimeout(() => attempt.abort(), SILENT_MS);
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(() => attempt.abort(), SILENT_MS);
    };
    try {
      const id: Record<string, string> = this.#lastId === '' ? {} : { 'last-event-id': this.#lastId };
      const response = await fetch(this.path, {
        headers: { ...this.headers(), ...id },
        signal: attempt.signal,
        cache: 'no-store',
      });
      if (isRefused(response)) {
        this.handlers.onState('refused', await messageOf(response));
        return 'refused';
      }
      if (!response.ok || response.body === null) return `the gateway answered ${response.status}`;
      this.handlers.onState('live', null);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return 'the gateway ended the stream';
        heard();
        const events = (rest + value).split('\n\n');
        rest = events.pop() ?? '';
        for (const event of events) this.#take(event);
      }
    } catch {
      return 'the gateway does not answer';
    } finally {
      clearTimeout(silence);
      attempt.abort();
    }
  }

  #take(text: string): void {
    const fields = new Map(
      text.split('\n').map((line) => {
        const at = line.indexOf(': ');
        return [line.slice(0, at), line.slice(at + 2)];
      }),
    );
    const data: unknown = JSON.parse(fields.get('data') ?? 'null');
    if (fields.get('event') === 'delta' && this.#value !== undefined) {
      this.#value = apply(this.#value, data as Change[]);
    } else this.#value = data as T;
    this.#lastId = fields.get('id') ?? '';
    this.handlers.onValue(this.#value);
  }
}

/** Whether the key, or its lack, is why the gateway answers nothing else. */
export function isRefused({ status }: Response): boolean {
  return status === 401 || status === 403;
}

/** The message of an error answer. */
export async function messageOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : null;
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : null;
  return typeof message === 'string' ? message : `the gateway answered ${response.status}`;
}
