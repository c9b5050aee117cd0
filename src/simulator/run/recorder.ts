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

interface Slot {
  startSecond: number;
  counters: Record<Counter, number>;
  ttft: CountSketch;
  itl: CountSketch;
  /** Arrivals by bucket of prompt length. */
  prompts: Int32Array;
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
  readonly #window: Omit<Slot, 'startSecond'> = emptySlot();
  readonly #spare: Slot[] = [];
  #frozen: Recorded | null = null;

  constructor(
    private readonly sinceMs: number,
    private readonly windowSeconds: number,
  ) {
    this.#arrivals = new SecondRing(windowSeconds + SPARE_SECONDS);
  }

  arrival(atMs: number, isl: number): void {
    const bucket = lengthBucket(isl);
    const { prompts } = this.#slotAt(slotStart(atMs, LATENCY_SLOT_SECONDS));
    prompts[bucket] = (prompts[bucket] ?? 0) + 1;
    this.#window.prompts[bucket] = (this.#window.prompts[bucket] ?? 0) + 1;
    this.#arrivals.add(Math.floor(atMs / 1000));
  }

  ended(end: JobEnd): void {
    const slot = this.#slotAt(slotStart(end.atMs, LATENCY_SLOT_SECONDS));
    count(slot, end);
    count(this.#window, end);
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

  #slotAt(startSecond: number): Slot {
    // Ends come in order of time but for those of one step, so the slot is the last one or a new one.
    const last = this.#slots.at(-1);
    if (last !== undefined && startSecond <= last.startSecond) return last;
    const slot = this.#spare.pop() ?? { startSecond, ...emptySlot() };
    slot.startSecond = startSecond;
    this.#slots.push(slot);
    return slot;
  }

  #forget(nowMs: number): void {
    const from = slotStart(nowMs - this.windowSeconds * 1000, LATENCY_SLOT_SECONDS);
    for (let slot = this.#slots[0]; slot !== undefined && slot.startSecond < from; slot = this.#slots[0]) {
      this.#slots.shift();
      for (const name of COUNTERS) {
        this.#window.counters[name] -= slot.counters[name];
        slot.counters[name] = 0;
      }
      for (let bucket = 0; bucket < PROMPT_BUCKETS; bucket++) {
        const times = slot.prompts[bucket] ?? 0;
        if (times === 0) continue;
        this.#window.prompts[bucket] = (this.#window.prompts[bucket] ?? 0) - times;
        slot.prompts[bucket] = 0;
      }
      this.#window.ttft.subtract(slot.ttft);
      this.#window.itl.subtract(slot.itl);
      slot.ttft.clear();
      slot.itl.clear();
      this.#spare.push(slot);
    }
  }
}

function count(into: Omit<Slot, 'startSecond'>, end: JobEnd): void {
  const { counters } = into;
  counters[end.kind]++;
  if (end.attained) counters.attained++;
  if (end.kind !== 'completed') return;
  counters.isl += end.isl;
  counters.osl += end.osl;
  counters.ttftUs += Math.round(end.ttftSeconds * 1e6);
  into.ttft.addAt(end.ttftPlace);
  if (end.itlPlace < 0) return;
  counters.itlUs += Math.round(end.itlSeconds * 1e6);
  into.itl.addAt(end.itlPlace);
}

function emptySlot(): Omit<Slot, 'startSecond'> {
  const counters = {
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
  return {
    counters,
    ttft: new CountSketch(),
    itl: new CountSketch(),
    prompts: new Int32Array(PROMPT_BUCKETS),
  };
}
