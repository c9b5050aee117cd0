import type { SimEngineConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { EngineLoad } from '../../contract/worker.js';
import type { Profile } from '../../profile/types.js';
import type { CancelSignal } from '../cancellation.js';
import type { Engine, EngineRequest, TokenBatch } from '../engine.js';
import { SimCore } from './core.js';
import type { SimHandle } from './sequence.js';
import { TokenStream } from './stream.js';
import { wallClock } from './wall-clock.js';

export interface SimEngineOptions {
  profile: Profile;
  tp: number;
  /** 0..1 */
  gpuMemoryUtilization: number;
  engine: SimEngineConfig;
  /** Mean ITL that `room` keeps to, seconds; absent: any. */
  itlSeconds?: number;
  /** Unix ms, never going back; default: the system's clock. */
  clock?: () => number;
  /** The KV of a finished `prefill` request is kept so long, ms; default: the core's. */
  handoverMs?: number;
}

/** The sim engine, with what its HTTP server tells beyond an `Engine`. */
export interface SimEngine extends Engine {
  readonly prefixTokens: { queries: number; hits: number };
  /** KV tokens kept of a finished `prefill` request; null: none, or its time is over. */
  handover(id: string): number | null;
  /** Lets the KV that is kept for a request go. */
  releaseHandover(id: string): void;
}

/**
 * The sim core driven by the wall clock. Tokens bear the core's times, so a timer that fires late delays tokens but
 * neither bends their times nor slows the engine down.
 * @throws SluiceError invalid_config where profile, TP and memory leave no room for a KV cache.
 */
export function createSimEngine(options: SimEngineOptions): SimEngine {
  return new LiveSimEngine(options);
}

class LiveSimEngine implements SimEngine {
  readonly #core: SimCore<TokenStream>;
  readonly #clock: () => number;
  readonly #config: SimEngineOptions['engine'];
  readonly #streams = new Map<TokenStream, SimHandle<TokenStream>>();
  readonly #handovers = new Map<string, SimHandle<TokenStream>>();
  readonly #roomListeners: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #roomChanges = 0;
  #state: 'cold' | 'ready' | 'stopped' = 'cold';

  constructor(options: SimEngineOptions) {
    const { engine } = options;
    this.#clock = options.clock ?? wallClock();
    this.#config = engine;
    this.#core = new SimCore({
      profile: options.profile,
      tp: options.tp,
      gpuMemoryUtilization: options.gpuMemoryUtilization,
      maxSequences: engine.maxSequences,
      maxBatchedTokens: engine.maxBatchedTokens,
      coldStartMs: engine.coldStartSeconds * 1000,
      tokenEvents: 'each',
      ...(options.itlSeconds === undefined ? {} : { itlSeconds: options.itlSeconds }),
      ...(options.handoverMs === undefined ? {} : { handoverMs: options.handoverMs }),
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const readyMs = this.#core.start(this.#clock());
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(
        () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.max(0, readyMs - this.#clock()),
      );
      signal.addEventListener('abort', onAbort, { once: true });
    });
    if (this.#state === 'cold') this.#state = 'ready';
  }

  generate(request: EngineRequest, signal: CancelSignal): AsyncIterable<TokenBatch> {
    return { [Symbol.asyncIterator]: () => this.#open(request, signal) };
  }

  load(): EngineLoad {
    return this.#core.load();
  }

  get prefixTokens(): { queries: number; hits: number } {
    return this.#core.prefixTokens;
  }

  handover(id: string): number | null {
    const handle = this.#handovers.get(id);
    return handle?.state === 'handover' ? handle.context : null;
  }

  releaseHandover(id: string): void {
    const handle = this.#handovers.get(id);
    this.#handovers.delete(id);
    if (handle?.state !== 'handover') return;
    this.#core.cancel(handle, this.#clock());
    this.#arm();
  }

  room(tokens: number): number {
    return this.#state === 'ready' ? this.#core.room(tokens) : 0;
  }

  places(tokens: number): number {
    return this.#state === 'ready' ? this.#core.places(tokens) : 0;
  }

  held(): number {
    return this.#core.accepted;
  }

  firstTokenAfterMs(isl: number): number {
    return this.#core.firstTokenAfterMs(isl, this.#clock());
  }

  onRoom(listener: () => void): void {
    this.#roomListeners.push(listener);
  }

  async stop(): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    const error = new SluiceError('engine_failed', 'the engine was stopped while the request ran');
    for (const stream of this.#streams.keys()) stream.fail(error);
    this.#streams.clear();
  }

  #open(request: EngineRequest, signal: CancelSignal): TokenStream {
    const onAbort = () => this.#drop(stream, signal.reason);
    const stream = new TokenStream(request, this.#config.seed, this.#config.prefixCache, () =>
      this.#drop(stream, undefined),
    );
    stream.onEnd = () => signal.removeEventListener('abort', onAbort);
    if (signal.aborted) stream.fail(signal.reason);
    else if (this.#state !== 'ready') {
      stream.fail(new SluiceError('engine_failed', `the engine is ${this.#state}, expected it to be ready`));
    } else if (stream.emitted >= (stream.phase === 'prefill' ? 1 : stream.maxTokens)) stream.end();
    else {
      try {
        this.#streams.set(stream, this.#core.submit(stream, this.#clock()));
        signal.addEventListener('abort', onAbort, { once: true });
        this.#arm();
      } catch (error) {
        stream.fail(error);
      }
    }
    return stream;
  }

  /** Ends a request at once, whether or not its consumer waits. */
  #drop(stream: TokenStream, reason: unknown): void {
    const handle = this.#streams.get(stream);
    if (!handle) return;
    this.#streams.delete(stream);
    this.#core.cancel(handle, this.#clock());
    stream.fail(reason);
    this.#arm();
  }

  #keep(stream: TokenStream): void {
    for (const [id, handle] of this.#handovers) if (handle.state !== 'handover') this.#handovers.delete(id);
    const handle = this.#streams.get(stream);
    if (handle) this.#handovers.set(stream.id, handle);
  }

  #pump(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const touched = new Set<TokenStream>();
    for (const event of this.#core.advance(this.#clock())) {
      const stream = event.request;
      // A request that was dropped may still have events of steps that ended before.
      if (!this.#streams.has(stream)) continue;
      switch (event.type) {
        case 'token':
          stream.push(event.index, event.atMs);
          break;
        case 'finished':
          if (stream.phase === 'prefill') this.#keep(stream);
          this.#streams.delete(stream);
          stream.end();
          break;
        case 'preempted':
          continue;
      }
      touched.add(stream);
    }
    for (const stream of touched) stream.flush();
    if (this.#core.roomChanges !== this.#roomChanges) {
      this.#roomChanges = this.#core.roomChanges;
      for (const listener of this.#roomListeners) listener();
    }
    this.#arm();
  }

  /** Sets the timer for the core's next event, or leaves it if that is set already. */
  #arm(): void {
    const next = this.#state === 'stopped' ? null : this.#core.nextEventAt();
    if (next === this.#timerAtMs) return;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timerAtMs = next ?? Number.POSITIVE_INFINITY;
    if (next === null) return;
    const delay = next - this.#clock();
    // What is due now waits for the end of the turn, so that requests submitted together begin together.
    if (delay <= 0) this.#immediate = setImmediate(() => this.#pump());
    else this.#timer = setTimeout(() => this.#pump(), Math.ceil(delay));
  }
}
