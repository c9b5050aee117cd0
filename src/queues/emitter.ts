import type { Redis } from 'ioredis';
import type { EndFrame, TokenFrame } from '../contract/reply.js';
import type { Outcome } from '../contract/request.js';
import { type Emission, emit } from './journal.js';
import type { Keys } from './keys.js';
import { Rush } from './rush.js';

/** A running request as the emitter sees it. */
export interface EmittingRun {
  id: string;
  pool: string;
  fence: string;
  workerId: string;
  /** Reply channels that want the tokens. */
  channels: Set<string>;
  /** Every token of the request so far, earlier runs included. */
  tokens: string[];
  /** `atMs[k]`: when token k was made; unknown (0) for tokens of earlier runs. */
  atMs: number[];
  /** Tokens that are safely in the journal. */
  journaled: number;
  firstTokenAtMs: number | null;
  /** Called when another run owns the request. */
  onFenced(): void;
}

/** Tokens that are not a first one gather for so long while no call with such is under way. */
const GATHER_MS = 1;

/**
 * Sends the tokens of all running requests of one worker to Redis. First tokens go at once and by themselves, so that neither
 * Redis nor the client's end works on others before them; other tokens gather for a moment and while a call is under way.
 * One call of each kind is under way at once, and a request is in one call at a time, so that its tokens stay in order.
 */
export class TokenEmitter {
  readonly #dirty = new Set<EmittingRun>();
  readonly #waiters = new Map<EmittingRun, (() => void)[]>();
  /** Runs whose tokens are on their way. */
  readonly #sending = new Set<EmittingRun>();
  readonly #calling = { firsts: false, gathered: false };
  #urgent = false;
  #scheduled = false;
  #later: NodeJS.Timeout | undefined;
  /** Of first tokens; under load they gather too. */
  readonly #rush = new Rush();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  /** Says that `run.tokens` grew. */
  touch(run: EmittingRun): void {
    const isFirst = run.journaled === 0 && !this.#dirty.has(run) && !this.#sending.has(run);
    this.#dirty.add(run);
    if (isFirst) {
      const now = performance.now();
      this.#rush.count(now);
      if (!this.#rush.isOn(now)) {
        this.#urgent = true;
        this.#firstsSoon();
        return;
      }
    }
    if (!this.#calling.gathered) this.#later ??= setTimeout(() => this.#gathered(), GATHER_MS);
  }

  /** Resolves when every token of the run is in the journal, or another run owns the request. */
  drained(run: EmittingRun): Promise<void> {
    if (!this.#dirty.has(run) && run.journaled >= run.tokens.length) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.set(run, [...(this.#waiters.get(run) ?? []), resolve]);
      this.touch(run);
    });
  }

  /** Forgets a run that ended. */
  drop(run: EmittingRun): void {
    this.#dirty.delete(run);
    this.#release(run);
  }

  /** After all that the current callback sets off: first tokens that it brings go together. */
  #firstsSoon(): void {
    if (this.#scheduled || this.#calling.firsts) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#urgent = false;
      void this.#flush('firsts');
    });
  }

  #gathered(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    if (!this.#calling.gathered) void this.#flush('gathered');
  }

  async #flush(kind: 'firsts' | 'gathered'): Promise<void> {
    const ready = [...this.#dirty].filter((run) => !this.#sending.has(run));
    const runs = kind === 'gathered' ? ready : ready.filter((run) => run.journaled === 0);
    if (runs.length === 0) return;
    this.#calling[kind] = true;
    for (const run of runs) {
      this.#dirty.delete(run);
      this.#sending.add(run);
    }
    try {
      await this.#send(runs.filter((run) => run.tokens.length > run.journaled));
    } catch {
      // Refused (Redis full or gone): the tokens stay and go with the next flush.
      for (const run of runs) this.#dirty.add(run);
      await new Promise((resolve) => setTimeout(resolve, 200));
    } finally {
      this.#calling[kind] = false;
      for (const run of runs) this.#sending.delete(run);
    }
    for (const run of runs)
      if (!this.#dirty.has(run) && run.journaled >= run.tokens.length) this.#release(run);
    if (this.#urgent) this.#firstsSoon();
    // What came meanwhile has gathered.
    if (this.#dirty.size > 0 && !this.#calling.gathered) process.nextTick(() => this.#gathered());
  }

  async #send(runs: readonly EmittingRun[]): Promise<void> {
    if (runs.length === 0) return;
    const upTo = runs.map((run) => run.tokens.length);
    const statuses = await emit(this.redis, this.keys, runs.map(emissionOf));
    statuses.forEach((status, i) => {
      const run = runs[i];
      if (run === undefined) return;
      if (status.kind === 'ok') run.journaled = upTo[i] ?? run.journaled;
      // Redis came back with less than it had acknowledged: send again from what it has.
      else if (status.kind === 'gap') run.journaled = status.length;
      else {
        run.journaled = run.tokens.length;
        run.onFenced();
      }
      if (run.tokens.length > run.journaled) this.#dirty.add(run);
    });
  }

  #release(run: EmittingRun): void {
    for (const resolve of this.#waiters.get(run) ?? []) resolve();
    this.#waiters.delete(run);
  }
}

function emissionOf(run: EmittingRun): Emission {
  const tokens = run.tokens.slice(run.journaled);
  return {
    pool: run.pool,
    id: run.id,
    fence: run.fence,
    firstTokenAtMs: run.firstTokenAtMs ?? 0,
    start: run.journaled,
    tokens,
    channels: [...run.channels],
    frame: run.channels.size === 0 ? '' : JSON.stringify(frameOf(run, tokens)),
  };
}

function frameOf(run: EmittingRun, tokens: string[]): TokenFrame {
  return {
    type: 'tokens',
    id: run.id,
    index: run.journaled,
    tokens,
    atMs: run.atMs.slice(run.journaled),
    workerId: run.workerId,
  };
}

/** Under load, ends go together that follow each other faster than this. */
const ENDS_MS = 2;
/** So many ends in one message are load. */
const LOAD_ENDS = 4;

/**
 * Publishes ends of requests: at once, or under load those that gather in two milliseconds in one message for each
 * channel. A client then wakes for many ends, not for each, and what it submits next comes in one go too.
 */
export class EndPublisher {
  #byChannel = new Map<string, EndFrame[]>();
  #scheduled = false;
  #lastMs = 0;
  #lastEnds = 0;

  constructor(private readonly redis: Redis) {}

  publish(channels: Iterable<string>, id: string, outcome: Outcome): void {
    for (const channel of channels) {
      let frames = this.#byChannel.get(channel);
      if (frames === undefined) {
        frames = [];
        this.#byChannel.set(channel, frames);
      }
      frames.push({ type: 'end', id, outcome });
    }
    if (this.#scheduled || this.#byChannel.size === 0) return;
    this.#scheduled = true;
    const atOnce = this.#lastEnds < LOAD_ENDS || performance.now() - this.#lastMs > ENDS_MS;
    if (atOnce) setImmediate(() => this.#flush());
    else setTimeout(() => this.#flush(), ENDS_MS);
  }

  #flush(): void {
    this.#scheduled = false;
    this.#lastMs = performance.now();
    this.#lastEnds = 0;
    for (const [channel, frames] of this.#byChannel) {
      this.#lastEnds += frames.length;
      // Clients look up by themselves what a lost message would have told.
      this.redis.publish(channel, JSON.stringify(frames)).catch(() => {});
    }
    this.#byChannel = new Map();
  }
}
