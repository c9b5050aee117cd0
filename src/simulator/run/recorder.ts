import { lengthBucket, PROMPT_BUCKETS, promptClasses } from '../../telemetry/prompt-lengths.js';
import { COUNTERS, type Counter, LATENCY_SLOT_SECONDS, slotStart } from '../../telemetry/slots.js';
import type { SecondCounts, Writer } from '../../telemetry/writers.js';
import { CountSketch } from './count-sketch.js';
import { SecondRing } from './second-ring.js';
import type { JobEnd } from './tally.js';

/** Recorders flush so often: what happened since is not yet seen. */
const FLUSH_MS = 250;
/** Seconds of arrivals held beyond the window: what is asked for ends a little before the newest. */
const SPARE_SECONDS = 5;

/** What was counted over some time. */
class Counts {
  readonly counters: Record<Counter, number> = {
    completed: 0,
    failed: 0,
    expired: 0,
    cancelled: 0,
    relegated: 0,
    attained: 0,
    isl: 0,
    osl: 0,
    ttftUs: 0,
    itlUs: 0,
  };
  readonly ttft = new CountSketch();
  readonly itl = new CountSketch();
  /** Arrivals by bucket of prompt length. */
  readonly prompts = new Int32Array(PROMPT_BUCKETS);

  ended(end: JobEnd): void {
    const { counters } = this;
    counters[end.kind]++;
    if (end.attained) counters.attained++;
    if (end.kind !== 'completed') return;
    counters.isl += end.isl;
    counters.osl += end.osl;
    counters.ttftUs += Math.round(end.ttftSeconds * 1e6);
    this.ttft.addAt(end.ttftPlace);
    if (end.itlPlace < 0) return;
    counters.itlUs += Math.round(end.itlSeconds * 1e6);
    this.itl.addAt(end.itlPlace);
  }

  /** Adds all that `other` holds, or, with -1, takes it out again. */
  add(other: Counts, sign: 1 | -1): void {
    for (const name of COUNTERS) this.counters[name] += sign * other.counters[name];
    this.ttft.add(other.ttft, sign);
    this.itl.add(other.itl, sign);
    for (let bucket = 0; bucket < PROMPT_BUCKETS; bucket++)
      this.prompts[bucket] = (this.prompts[bucket] ?? 0) + sign * (other.prompts[bucket] ?? 0);
  }

  clear(): void {
    for (const name of COUNTERS) this.counters[name] = 0;
    this.ttft.clear();
    this.itl.clear();
    this.prompts.fill(0);
  }
}

interface Slot {
  startSecond: number;
  readonly counts: Counts;
}

/** What an observation takes from here. */
export interface Recorded {
  writers: readonly Writer[];
  arrivals: SecondCounts;
  prompts: readonly number[] | null;
  ended: {
    counters: Record<Counter, number>;
    ttft: { quantile(q: number): number | null };
    itl: { quantile(q: number): number | null };
  };
}

/**
 * The recorders' counts of one pool as Redis would hold them: arrivals by second, ends in slots of ten seconds. Of
 * both only what the window can still show is kept. A gap hides what comes after its begin until it is over.
 */
export class PoolRecorder {
  readonly #arrivals: SecondRing;
  readonly #slots: Slot[] = [];
  /** The sum of the slots. */
  readonly #window = new Counts();
  /** What came since the last look, in the slot of `#freshSecond`: counted once there, and put into slot and window together. */
  readonly #fresh = new Counts();
  #freshSecond = Number.NEGATIVE_INFINITY;
  #anyFresh = false;
  readonly #spare: Slot[] = [];
  #frozen: Recorded | null = null;

  constructor(
    private readonly sinceMs: number,
    private readonly windowSeconds: number,
  ) {
    this.#arrivals = new SecondRing(windowSeconds + SPARE_SECONDS);
  }

  arrival(atMs: number, isl: number): void {
    this.#turn(slotStart(atMs, LATENCY_SLOT_SECONDS));
    const { prompts } = this.#fresh;
    const bucket = lengthBucket(isl);
    prompts[bucket] = (prompts[bucket] ?? 0) + 1;
    this.#arrivals.add(Math.floor(atMs / 1000));
  }

  ended(end: JobEnd): void {
    this.#turn(slotStart(end.atMs, LATENCY_SLOT_SECONDS));
    this.#fresh.ended(end);
  }

  /** From now on observations see only what was recorded before. */
  freeze(nowMs: number): void {
    const { writers, prompts, ended } = this.recorded(nowMs);
    const { counters, ttft, itl } = ended;
    const quantiles = (sketch: typeof ttft) => {
      const known = new Map<number, number | null>();
      for (let percent = 1; percent <= 100; percent++) known.set(percent, sketch.quantile(percent / 100));
      return { quantile: (q: number) => known.get(Math.max(1, Math.round(q * 100))) ?? null };
    };
    this.#frozen = {
      writers,
      arrivals: this.#arrivals.copy(),
      prompts,
      ended: { counters: { ...counters }, ttft: quantiles(ttft), itl: quantiles(itl) },
    };
  }

  /** The gap is over; recorders have kept what they counted in it. */
  thaw(): void {
    this.#frozen = null;
  }

  recorded(nowMs: number): Recorded {
    if (this.#frozen !== null) return this.#frozen;
    this.#settle();
    this.#forget(nowMs);
    const flushedMs = Math.floor(nowMs / FLUSH_MS) * FLUSH_MS;
    const writer: Writer = {
      seq: 0,
      sinceMs: this.sinceMs,
      throughMs: flushedMs,
      atMs: flushedMs,
      arrivals: true,
      closed: false,
    };
    return {
      writers: [writer],
      arrivals: this.#arrivals,
      prompts: promptClasses(this.#window.prompts),
      ended: this.#window,
    };
  }

  /** Ends come in order of time but for those of one step, so what is counted next is of the newest slot or a new one. */
  #turn(startSecond: number): void {
    if (startSecond > this.#freshSecond) {
      this.#settle();
      this.#freshSecond = startSecond;
    }
    this.#anyFresh = true;
  }

  #settle(): void {
    if (!this.#anyFresh) return;
    this.#anyFresh = false;
    const last = this.#slots.at(-1);
    const slot = last?.startSecond === this.#freshSecond ? last : this.#begin(this.#freshSecond);
    slot.counts.add(this.#fresh, 1);
    this.#window.add(this.#fresh, 1);
    this.#fresh.clear();
  }

  #begin(startSecond: number): Slot {
    const slot = this.#spare.pop() ?? { startSecond, counts: new Counts() };
    slot.startSecond = startSecond;
    this.#slots.push(slot);
    return slot;
  }

  #forget(nowMs: number): void {
    const from = slotStart(nowMs - this.windowSeconds * 1000, LATENCY_SLOT_SECONDS);
    for (let slot = this.#slots[0]; slot !== undefined && slot.startSecond < from; slot = this.#slots[0]) {
      this.#slots.shift();
      this.#window.add(slot.counts, -1);
      slot.counts.clear();
      this.#spare.push(slot);
    }
  }
}
