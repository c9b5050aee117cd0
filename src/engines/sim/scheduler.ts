import { DecodeBatch } from './decode-batch.js';
import { FrontEnd } from './front-end.js';
import type { KvMemory } from './kv-memory.js';
import { blocksFor, type Sequence } from './sequence.js';
import type { SimRequest } from './types.js';

export interface SchedulerLimits {
  maxSequences: number;
  maxBatchedTokens: number;
  /** From submission until a request can be scheduled, ms. */
  frontEndMs: number;
  /** How long the KV transfer of so many tokens takes, ms. */
  transferMs: (tokens: number) => number;
}

/**
 * Who computes in the next step, as in vLLM V1: first every decoding sequence by one token, then prompts in order of
 * arrival, chunk by chunk, out of one token budget. When KV runs out, the latest arrival loses its blocks and waits
 * to be recomputed; the oldest therefore always gets on, and nothing can be stuck.
 */
export class Scheduler<R extends SimRequest> {
  readonly #frontEnd: FrontEnd<R>;
  /** Through the front end or preempted, in order of arrival. */
  readonly waiting: Sequence<R>[] = [];
  readonly prefilling: Sequence<R>[] = [];
  /** Admitted `decode` requests whose KV is on its way. */
  readonly transferring: Sequence<R>[] = [];
  readonly batch = new DecodeBatch<R>();
  /** Prompts with tokens in the step under way. */
  readonly chunks: Sequence<R>[] = [];
  /** The decoding sequences hold the block of the token under way. */
  reserved = false;
  /** Prompt tokens accepted and not yet computed. */
  pendingPrefillTokens = 0;
  preemptions = 0;
  promptTokens = 0;
  prefixHitTokens = 0;

  constructor(
    readonly kv: KvMemory<R>,
    private readonly limits: SchedulerLimits,
    private readonly onPreempted: (sequence: Sequence<R>, atMs: number) => void,
  ) {
    this.#frontEnd = new FrontEnd(limits.frontEndMs);
  }

  get running(): number {
    return this.batch.size + this.prefilling.length + this.transferring.length;
  }

  /** Accepted, prefill not begun. */
  get queued(): number {
    return this.#frontEnd.size + this.waiting.length;
  }

  /** Takes a new sequence into the front end at `atMs`, Infinity before the start; returns when it is through, ms. */
  accept(sequence: Sequence<R>, atMs: number): number {
    if (!sequence.transfers) this.pendingPrefillTokens += sequence.target;
    return this.#frontEnd.enter(sequence, atMs);
  }

  /** The engine serves from `atMs` on; returns when the first accepted sequence is through its front end, ms. */
  open(atMs: number): number {
    this.#frontEnd.restart(atMs);
    return this.#frontEnd.nextMs();
  }

  /** When the next sequence is through the front end or a transfer, ms; Infinity: none is on its way. */
  nextArrivalMs(): number {
    let next = this.#frontEnd.nextMs();
    for (const sequence of this.transferring) next = Math.min(next, sequence.untilMs);
    return next;
  }

  /** Fills `chunks` and reserves the blocks of a step that begins at `atMs`; false when there is nothing to compute. */
  schedule(atMs: number): boolean {
    this.#landTransfers(atMs);
    for (let next = this.#frontEnd.leave(atMs); next; next = this.#frontEnd.leave(atMs)) this.#wait(next);
    this.reserved = false;
    const preemptionsBefore = this.preemptions;
    let blocks = this.batch.blocksNeeded(0);
    for (; blocks > this.kv.free; blocks = this.batch.blocksNeeded(0)) this.#preemptLatest(atMs);
    this.kv.take(blocks);
    this.reserved = this.batch.size > 0;

    let budget = this.limits.maxBatchedTokens - this.batch.size;
    for (let i = 0; i < this.prefilling.length && budget > 0; i++) {
      const sequence = this.prefilling[i];
      if (!sequence || !this.#reserveChunk(sequence, budget, atMs)) break;
      budget -= sequence.chunk;
    }
    if (this.preemptions === preemptionsBefore) this.#admit(budget, atMs);
    return this.chunks.length > 0 || this.batch.size > 0;
  }

  /** Takes a sequence out, wherever it is, and frees its blocks. */
  drop(sequence: Sequence<R>): void {
    switch (sequence.state) {
      case 'front-end':
        this.#frontEnd.remove(sequence);
        if (!sequence.transfers) this.pendingPrefillTokens -= sequence.target;
        return;
      case 'waiting':
        removeFrom(this.waiting, sequence);
        if (!sequence.transfers) this.pendingPrefillTokens -= sequence.target;
        return;
      case 'prefill':
        removeFrom(this.prefilling, sequence);
        if (sequence.chunk > 0) removeFrom(this.chunks, sequence);
        this.pendingPrefillTokens -= sequence.target - sequence.context;
        this.kv.release(sequence, sequence.context + sequence.chunk);
        sequence.chunk = 0;
        return;
      case 'transfer':
        removeFrom(this.transferring, sequence);
        this.kv.release(sequence, sequence.context);
        return;
      case 'decode':
        this.batch.remove(sequence);
        this.kv.release(sequence, sequence.context + (this.reserved ? 1 : 0));
        return;
      case 'handover':
        this.kv.release(sequence, sequence.context);
        return;
      case 'ended':
        return;
    }
  }

  /** All of its prompt is computed. */
  prefilled(sequence: Sequence<R>): void {
    removeFrom(this.prefilling, sequence);
  }

  #wait(sequence: Sequence<R>): void {
    sequence.state = 'waiting';
    insertByArrival(this.waiting, sequence);
  }

  #landTransfers(atMs: number): void {
    for (let i = this.transferring.length - 1; i >= 0; i--) {
      const sequence = this.transferring[i];
      if (!sequence || sequence.untilMs > atMs) continue;
      this.transferring.splice(i, 1);
      this.batch.add(sequence);
    }
  }

  #reserveChunk(sequence: Sequence<R>, budget: number, atMs: number): boolean {
    const chunk = Math.min(sequence.target - sequence.context, budget);
    const blocks = blocksFor(sequence.context + chunk) - blocksFor(sequence.context);
    while (blocks > this.kv.free) {
      if (this.#preemptLatest(atMs) === sequence) return false;
    }
    this.#beginChunk(sequence, chunk, blocks);
    return true;
  }

  #beginChunk(sequence: Sequence<R>, chunk: number, blocks: number): void {
    this.kv.take(blocks);
    sequence.chunk = chunk;
    this.chunks.push(sequence);
  }

  #admit(tokenBudget: number, atMs: number): void {
    let budget = tokenBudget;
    while (this.running < this.limits.maxSequences) {
      const sequence = this.waiting[0];
      if (!sequence) return;
      if (sequence.transfers) {
        if (!this.#beginTransfer(sequence, atMs)) return;
        continue;
      }
      if (budget <= 0) return;
      const hit = this.kv.attach(sequence);
      const chunk = Math.min(sequence.target - hit, budget);
      const blocks = this.kv.privateBlocks(sequence, hit + chunk);
      if (blocks > this.kv.free) {
        this.kv.release(sequence, hit);
        return;
      }
      this.waiting.shift();
      sequence.state = 'prefill';
      sequence.context = hit;
      this.promptTokens += sequence.target;
      this.prefixHitTokens += hit;
      this.pendingPrefillTokens -= hit;
      insertByArrival(this.prefilling, sequence);
      this.#beginChunk(sequence, chunk, blocks);
      budget -= chunk;
    }
  }

  /** The KV of all tokens but the last, which the first decode step stores. */
  #beginTransfer(sequence: Sequence<R>, atMs: number): boolean {
    const tokens = sequence.request.isl + sequence.generated - 1;
    if (blocksFor(tokens) > this.kv.free) return false;
    this.kv.take(blocksFor(tokens));
    this.waiting.shift();
    sequence.state = 'transfer';
    sequence.context = tokens;
    sequence.untilMs = atMs + this.limits.transferMs(tokens);
    this.transferring.push(sequence);
    return true;
  }

  #preemptLatest(atMs: number): Sequence<R> {
    let latest: Sequence<R> | undefined;
    for (const group of [this.prefilling, this.transferring, this.batch.members]) {
      for (const sequence of group) if (!latest || sequence.arrival > latest.arrival) latest = sequence;
    }
    if (!latest) throw new RangeError('KV memory is short and nothing runs');
    const decoded = latest.state === 'decode';
    this.drop(latest);
    if (decoded) latest.transfers = false;
    latest.context = 0;
    latest.target = latest.request.isl + latest.generated;
    this.preemptions++;
    if (!latest.transfers) this.pendingPrefillTokens += latest.target;
    this.#wait(latest);
    this.onPreempted(latest, atMs);
    return latest;
  }
}

function insertByArrival<R extends SimRequest>(list: Sequence<R>[], sequence: Sequence<R>): void {
  let at = list.length;
  while (at > 0 && (list[at - 1]?.arrival ?? 0) > sequence.arrival) at--;
  if (at === list.length) list.push(sequence);
  else list.splice(at, 0, sequence);
}

function removeFrom<T>(list: T[], item: T): void {
  if (list[0] === item) {
    list.shift();
    return;
  }
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}
