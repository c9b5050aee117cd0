import { useEffect, useState } from 'preact/hooks';
import { sampleOf } from '../sample.js';
import type { LogEntry, Sample, View } from '../view.js';
import { Stream, type StreamState } from './stream.js';

/** Of an hour at one each two seconds; a page that is open for a day holds no more. */
const SAMPLES = 1_800;
const LOG = 3_000;
const SAMPLE_MS = 1_900;
/** A tab out of sight for so long follows no more: a browser opens six connections to a host in all, and a seventh tab would wait. */
const HIDDEN_MS = 5_000;
/** Figures older than this are not shown as those of now. */
export const STALE_SECONDS = 5;
const KEY = 'sluice.key';

/** Everything that the page knows. Replaced, not changed, with each event. */
export interface Known {
  view: View | null;
  state: StreamState;
  message: string | null;
  /** `performance.now()` when the view came. */
  heardMs: number;
  samples: readonly Sample[];
  /** All transitions known, oldest first. */
  log: readonly (LogEntry & { key: string })[];
}

type Listener = (known: Known) => void;

class Store {
  known: Known = { view: null, state: 'connecting', message: null, heardMs: 0, samples: [], log: [] };
  readonly #listeners = new Set<Listener>();
  #stream: Stream<View | { status: null; problem: string | null }> | undefined;

  /** Follows the system; called again with a new key. */
  start(): void {
    this.#stream?.stop();
    this.#stream = new Stream('/dashboard/stream', authorization, {
      onValue: (value) => this.#take(value),
      onState: (state, message) => this.#set({ state, message }),
    });
    void this.#stream.run();
    void this.#loadHistory();
  }

  /** Follows the system while the tab is in sight; what was missed meanwhile comes with the history. */
  startInSight(): void {
    if (!document.hidden) this.start();
    let hiding: number | undefined;
    document.addEventListener('visibilitychange', () => {
      window.clearTimeout(hiding);
      if (document.hidden) hiding = window.setTimeout(() => this.#pause(), HIDDEN_MS);
      else if (this.#stream === undefined) this.start();
    });
  }

  /** The gateway, or what is known of its keys, does not let the page in: it asks for another key. */
  refuse(message: string): void {
    this.#stream?.stop();
    this.#set({ state: 'refused', message });
  }

  #pause(): void {
    this.#stream?.stop();
    this.#stream = undefined;
    this.#set({ state: 'connecting', message: null });
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(change: Partial<Known>): void {
    this.known = { ...this.known, ...change };
    for (const listener of this.#listeners) listener(this.known);
  }

  #take(value: View | { status: null; problem: string | null }): void {
    if (value.status === null) {
      this.#set({ message: value.problem, heardMs: performance.now() });
      return;
    }
    const view = value as View;
    const { samples } = this.known;
    const fresh = view.problem === null && view.status.atMs - (samples.at(-1)?.t ?? 0) >= SAMPLE_MS;
    this.#set({
      view,
      message: null,
      heardMs: performance.now(),
      samples: fresh ? [...samples, sampleOf(view)].slice(-SAMPLES) : samples,
      log: merged(this.known.log, view.log),
    });
  }

  async #loadHistory(): Promise<void> {
    const response = await fetch('/dashboard/history', { headers: authorization() }).catch(() => null);
    if (response?.ok !== true) return;
    const { samples, log } = (await response.json()) as { samples: Sample[]; log: Record<string, LogEntry> };
    const newest = samples.at(-1)?.t ?? 0;
    const live = this.known.samples.filter((sample) => sample.t > newest + SAMPLE_MS / 2);
    this.#set({ samples: [...samples, ...live].slice(-SAMPLES), log: merged(this.known.log, log) });
  }
}

/** The same array where nothing is new, so that what is drawn from it need not be drawn again. */
function merged(before: Known['log'], entries: Record<string, LogEntry>): Known['log'] {
  const have = new Set(before.map(({ key }) => key));
  const fresh = Object.entries(entries).filter(([key]) => !have.has(key));
  if (fresh.length === 0) return before;
  const all = [...before, ...fresh.map(([key, entry]) => ({ ...entry, key }))];
  return all.sort((a, b) => a.atMs - b.atMs).slice(-LOG);
}

export const store = new Store();

export function authorization(): Record<string, string> {
  const key = sessionStorage.getItem(KEY);
  return key === null ? {} : { authorization: `Bearer ${key}` };
}

/** Kept until the tab is closed; one that no header can carry, so no gateway has made, is asked for again. */
export function giveKey(key: string): void {
  if (!/^[\x21-\x7e]+$/.test(key)) {
    store.refuse('expected a key of Latin letters, digits and signs, without spaces');
    return;
  }
  sessionStorage.setItem(KEY, key);
  store.start();
}

/** What is known, each time that it changes. */
export function useKnown(): Known {
  const [known, set] = useState(store.known);
  useEffect(() => store.listen(set), []);
  return known;
}

/** Age of the figures, seconds; null: there are none. */
export function ageSeconds({ view, heardMs }: Known): number | null {
  if (view === null) return null;
  return Math.max(0, view.sentMs - view.status.atMs + (performance.now() - heardMs)) / 1000;
}
