import type { EngineLoad } from '../../contract/worker.js';
import { chunkSeconds, decodeSeconds, frontEndSeconds, lawFor } from '../../profile/law.js';
import type { StepLaw } from '../../profile/types.js';
import { EventLog } from './event-log.js';
import { Flight } from './flight.js';
import { KvMemory } from './kv-memory.js';
import { memoryOf } from './options.js';
import { outOfRange, tooLong } from './refusals.js';
import { Scheduler } from './scheduler.js';
import { SeenLengths } from './seen-lengths.js';
import { blocksFor, finalBlocks, Sequence, type SimHandle } from './sequence.js';
import { BLOCK_TOKENS, type SimEvent, type SimOptions, type SimRequest } from './types.js';

/**
 * A model of one inference engine in virtual time: no IO, no clock, no chance. The caller submits and cancels at times
 * that never go back, and calls `advance(now)` at `nextEventAt()` or later; what happened until `now` comes back as
 * events in order of time. Times are ms on the caller's clock. docs/sim-engine.md describes the model.
 */
export class SimCore<R extends SimRequest> {
  readonly #law: StepLaw;
  readonly #kv: KvMemory<R>;
  readonly #scheduler: Scheduler<R>;
  readonly #handoverMs: number;
  /** What happened and was not yet taken by `advance` or by whoever reads it here and clears it. */
  readonly log = new EventLog<R>();
  /** In order of expiry, and when the first expires; Infinity: there is none. */
  readonly #handovers: Sequence<R>[] = [];
  #expiryMs = Number.POSITIVE_INFINITY;
  /** Given back by `forget`. */
  readonly #spare: Sequence<R>[] = [];
  #handoverBlocks = 0;
  #finalBlocks = 0;
  readonly #lengths: SeenLengths;
  /** Time of the last call. */
  #nowMs = Number.NEGATIVE_INFINITY;
  readonly #flight = new Flight();
  /** When to look for work while no step is under way; Infinity: nothing to look for. */
  #wakeMs = Number.POSITIVE_INFINITY;
  /** Infinity: not started. */
  #readyMs = Number.POSITIVE_INFINITY;
  #arrivals = 0;
  #generatedTokens = 0;
  /** Rises when room may have grown without a request having ended. */
  roomChanges = 0;

  /** @throws SluiceError invalid_config where the options leave no KV block or contradict each other. */
  constructor(readonly options: SimOptions) {
    const { profile, tp, maxSequences, maxBatchedTokens } = options;
    const { blocks, span } = memoryOf(options);
    this.#law = lawFor(profile, tp);
    this.#lengths = new SeenLengths(this.#law, options);
    this.#handoverMs = options.handoverMs ?? 2000;
    this.#kv = new KvMemory(blocks, span);
    const transferMs = (tokens: number) =>
      ((tokens * profile.kvBytesPerToken) / profile.transferBytesPerSecond) * 1000;
    this.#scheduler = new Scheduler(
      this.#kv,
      { maxSequences, maxBatchedTokens, frontEndMs: frontEndSeconds(this.#law) * 1000, transferMs },
      (sequence, atMs) => this.log.add('preempted', sequence.request, -1, atMs),
    );
  }

  /** Begins the cold start; returns when the engine is ready, ms. Requests enter its front end then. */
  start(now: number): number {
    this.#readyMs = now + this.options.coldStartMs;
    this.#wakeMs = Math.min(this.#wakeMs, this.#scheduler.open(this.#readyMs));
    return this.#readyMs;
  }

  state(now: number): 'cold' | 'starting' | 'ready' {
    if (this.#readyMs === Number.POSITIVE_INFINITY) return 'cold';
    return now < this.#readyMs ? 'starting' : 'ready';
  }

  /**
   * Accepts a request at `now`.
   * @throws SluiceError prompt_too_long where it can never fit the KV cache, invalid_request on counts out of range.
   */
  submit(request: R, now: number): SimHandle<R> {
    if (!(request.isl >= 1) || !(request.emitted >= 0) || !(request.maxTokens > request.emitted))
      throw outOfRange(request);
    const blocks = finalBlocks(request);
    if (blocks > this.#kv.totalBlocks) throw tooLong(request, blocks, this.#kv.totalBlocks);
    this.#runBefore(now);
    const sequence = this.#sequence(request);
    this.#finalBlocks += blocks;
    this.#lengths.add(request);
    this.#lookAgain(this.#scheduler.accept(sequence, Math.max(now, this.#readyMs)));
    return sequence;
  }

  /** Ends a request at once and frees what it holds (an ended one: nothing; a KV kept for hand-over: that). */
  cancel(handle: SimHandle<R>, now: number): void {
    this.#runBefore(now);
    if (handle.state === 'ended') return;
    if (handle.state === 'handover') {
      this.#handovers.splice(this.#handovers.indexOf(handle), 1);
      this.#noteExpiry();
      this.#handoverBlocks -= blocksFor(handle.context);
    } else this.#finalBlocks -= handle.finalBlocks;
    this.#scheduler.drop(handle);
    handle.state = 'ended';
    this.#lookAgain(Math.max(now, this.#readyMs));
  }

  /** When to call `advance` next, ms, perhaps in the past: for what happens then or for events that submit or cancel brought. */
  nextEventAt(): number | null {
    if (this.log.size > 0) return this.#nowMs;
    const next = Math.min(this.#flight.steps > 0 ? this.#flight.endMs : this.#wakeMs, this.#expiryMs);
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** Runs until `now` and returns what happened since the last call, in order of time. */
  advance(now: number): SimEvent<R>[] {
    this.run(now);
    return this.log.take();
  }

  /** The same for callers that read `log` themselves. */
  run(now: number): void {
    this.#runBefore(now);
    while (this.#wakeMs <= now) {
      this.#begin(this.#wakeMs);
      this.#runBefore(now);
    }
  }

  /** Nobody will ask of this handle again: once its request has ended, it may serve another one. */
  forget(handle: SimHandle<R>): void {
    if (handle.state === 'ended') this.#spare.push(handle);
  }

  /** Prompt tokens looked up in the prefix cache since start, and those found there. */
  get prefixTokens(): { queries: number; hits: number } {
    return { queries: this.#scheduler.promptTokens, hits: this.#scheduler.prefixHitTokens };
  }

  load(): EngineLoad {
    const scheduler = this.#scheduler;
    return {
      maxSequences: this.options.maxSequences,
      runningSequences: scheduler.running,
      waitingSequences: scheduler.queued,
      totalKvBlocks: this.#kv.totalBlocks,
      usedKvBlocks: this.#kv.used,
      blockTokens: BLOCK_TOKENS,
      waitingPrefillTokens: scheduler.pendingPrefillTokens,
      prefixHitRate: scheduler.promptTokens > 0 ? scheduler.prefixHitTokens / scheduler.promptTokens : null,
      generatedTokens: this.#generatedTokens,
      preemptions: scheduler.preemptions,
    };
  }

  /**
   * From now until the first token of a prompt of `isl` tokens submitted at `now`, ms, if nothing else came: the front
   * end or the rest of the step under way, whichever is longer, then the prompts that wait and its own, computed
   * beside what decodes, within the token budget of a step.
   */
  firstTokenAfterMs(isl: number, now: number): number {
    const { batch, pendingPrefillTokens } = this.#scheduler;
    const law = this.#law;
    const step = law.itl[0] + decodeSeconds(law, batch.size, batch.kvTokens);
    const tokens = pendingPrefillTokens + isl;
    const steps = Math.ceil(tokens / Math.max(1, this.options.maxBatchedTokens - batch.size));
    const compute = law.ttft[1] * tokens + law.ttft[2] * isl * isl + steps * step;
    const rest = this.#flight.steps === 0 ? 0 : Math.min(this.#flight.endMs - now, step * 1000);
    const begin = Math.max(frontEndSeconds(law) * 1000, rest, this.#readyMs - now);
    return begin + compute * 1000;
  }

  /** Requests that it has and that have not ended. */
  get accepted(): number {
    return this.#scheduler.running + this.#scheduler.queued;
  }

  /**
   * Requests of about `tokens` KV tokens that the engine could work on soon: within its free sequences (and those that the
   * ITL leaves, src/profile/worker-model.ts), within the KV
   * blocks that accepted requests will not need, and while the prompts that wait fill less than two steps. An idle
   * engine always has room for one, so that a request too large for it is refused and does not wait for ever.
   */
  room(tokens: number): number {
    const { pendingPrefillTokens } = this.#scheduler;
    const byPrefill = Math.ceil(
      (2 * this.options.maxBatchedTokens - pendingPrefillTokens) / Math.max(1, tokens),
    );
    return Math.max(this.accepted === 0 ? 1 : 0, Math.min(this.places(tokens), byPrefill));
  }

  /** The same whatever prompts wait. */
  places(tokens: number): number {
    const { accepted } = this;
    const yetToGrow = this.#finalBlocks - (this.#kv.held - this.#handoverBlocks);
    const byKv = Math.floor((this.#kv.free - yetToGrow) / blocksFor(Math.max(1, tokens)));
    return Math.max(accepted === 0 ? 1 : 0, Math.min(this.#lengths.sequences() - accepted, byKv));
  }

  #sequence(request: R): Sequence<R> {
    const arrival = this.#arrivals++;
    const spare = this.#spare.pop();
    if (spare === undefined) return new Sequence(request, arrival);
    spare.begin(request, arrival);
    return spare;
  }

  /** Runs until `now`, but begins nothing at `now` itself, so that all that is submitted at one moment is seen together. */
  #runBefore(now: number): void {
    this.#nowMs = now;
    const flight = this.#flight;
    for (;;) {
      const expiryMs = this.#expiryMs;
      const untilMs = Math.min(now, expiryMs);
      const done = flight.doneBy(untilMs);
      if (done > 0) {
        if (done < flight.steps) this.#passSteps(done);
        else this.#land();
      } else if (flight.steps === 0 && this.#wakeMs < untilMs) this.#begin(this.#wakeMs);
      else if (expiryMs <= now) this.#expireHandovers(expiryMs);
      else return;
    }
  }

  /** Work comes or room grows at `atMs`: look then, or when the step under way at that time ends. */
  #lookAgain(atMs: number): void {
    if (this.#flight.steps > 0) this.#flight.cut(atMs);
    else if (this.#scheduler.queued > 0) this.#wakeMs = Math.min(this.#wakeMs, atMs);
  }

  #begin(atMs: number): void {
    const scheduler = this.#scheduler;
    if (this.#expiryMs <= atMs) this.#expireHandovers(atMs);
    const preemptions = scheduler.preemptions;
    if (!scheduler.schedule(atMs)) {
      this.#wakeMs = this.#externalMs();
      return;
    }
    const { batch, chunks } = scheduler;
    const law = this.#law;
    let seconds = law.itl[0] + decodeSeconds(law, batch.size, batch.kvTokens);
    for (const sequence of chunks) seconds += chunkSeconds(law, sequence.context, sequence.chunk);
    const alone = this.options.tokenEvents === 'ends' && chunks.length === 0;
    if (alone && scheduler.preemptions === preemptions) {
      const steps = 1 + batch.affordable(this.#kv.free, batch.stepsToFinish() - 1);
      const growth = law.itl[2] * batch.size * 1000;
      this.#flight.begin(atMs, steps, seconds * 1000, growth);
      this.#flight.cut(this.#externalMs());
    } else this.#flight.begin(atMs, 1, seconds * 1000, 0);
    this.#wakeMs = Number.POSITIVE_INFINITY;
  }

  /** When something other than the end of a step may let more work begin. */
  #externalMs(): number {
    const arrivalMs = this.#scheduler.nextArrivalMs();
    return this.#scheduler.waiting.length > 0 ? Math.min(arrivalMs, this.#expiryMs) : arrivalMs;
  }

  /** Some steps of a longer run are over, none of them the last of any sequence. */
  #passSteps(steps: number): void {
    const { batch } = this.#scheduler;
    this.#kv.take(batch.blocksBetween(1, steps + 1));
    this.#decoded(steps);
    this.#flight.pass(steps);
  }

  #land(): void {
    const scheduler = this.#scheduler;
    const { endMs: atMs, steps } = this.#flight;
    this.#flight.end();
    this.#kv.take(scheduler.batch.blocksBetween(1, steps));
    this.#decoded(steps);
    scheduler.reserved = false;
    if (this.options.tokenEvents === 'each') this.#reportDecoded(atMs);
    for (let done = scheduler.batch.takeFinished(); done; done = scheduler.batch.takeFinished()) {
      this.#kv.release(done, done.context);
      this.#finish(done, atMs);
    }
    const { chunks } = scheduler;
    for (const sequence of chunks) this.#chunkDone(sequence, atMs);
    while (chunks.length > 0) chunks.pop();
    this.#wakeMs = atMs;
  }

  #decoded(steps: number): void {
    const { batch } = this.#scheduler;
    batch.advance(steps);
    this.#generatedTokens += steps * batch.size;
  }

  #reportDecoded(atMs: number): void {
    const { batch } = this.#scheduler;
    for (const sequence of batch.members) {
      const index = batch.generated(sequence) - 1;
      this.log.add('token', sequence.request, index, atMs);
    }
  }

  #chunkDone(sequence: Sequence<R>, atMs: number): void {
    const scheduler = this.#scheduler;
    scheduler.pendingPrefillTokens -= sequence.chunk;
    sequence.context += sequence.chunk;
    sequence.chunk = 0;
    this.#kv.publish(sequence);
    this.roomChanges++;
    if (sequence.context < sequence.target) return;

    scheduler.prefilled(sequence);
    const { request } = sequence;
    const index = sequence.generated++;
    this.#generatedTokens++;
    if (this.options.tokenEvents === 'each' || index === request.emitted) {
      this.log.add('token', request, index, atMs);
    }
    if (request.phase === 'prefill') this.#keepForHandover(sequence, atMs);
    else if (sequence.generated < request.maxTokens) scheduler.batch.add(sequence);
    else {
      this.#kv.release(sequence, sequence.context);
      this.#finish(sequence, atMs);
    }
  }

  #finish(sequence: Sequence<R>, atMs: number): void {
    sequence.state = 'ended';
    this.#finalBlocks -= sequence.finalBlocks;
    this.log.add('finished', sequence.request, -1, atMs);
  }

  #keepForHandover(sequence: Sequence<R>, atMs: number): void {
    this.#finish(sequence, atMs);
    sequence.state = 'handover';
    sequence.untilMs = atMs + this.#handoverMs;
    this.#handoverBlocks += blocksFor(sequence.context);
    this.#handovers.push(sequence);
    this.#noteExpiry();
  }

  /** The hand-overs have changed. */
  #noteExpiry(): void {
    this.#expiryMs = this.#handovers[0]?.untilMs ?? Number.POSITIVE_INFINITY;
  }

  #expireHandovers(atMs: number): void {
    for (let first = this.#handovers[0]; first && first.untilMs <= atMs; first = this.#handovers[0]) {
      this.#handovers.shift();
      this.#handoverBlocks -= blocksFor(first.context);
      this.#scheduler.drop(first);
      first.state = 'ended';
      this.roomChanges++;
    }
    this.#noteExpiry();
  }
}
