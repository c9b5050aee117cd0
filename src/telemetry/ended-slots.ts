import type { Redis } from 'ioredis';
import type { Keys } from '../queues/keys.js';
import { type EndFigures, endFigures, sumFigures } from './figures.js';
import { LATENCY_SLOT_SECONDS, latencyKey, slotStart, slotsBetween } from './slots.js';

/** Recorders write a few times a second: so long after its end a slot hardly ever changes. */
const SETTLED_SECONDS = 15;

/**
 * The requests of one pool that ended lately, for one who looks again and again. A slot that has settled is kept, and the
 * one that was read longest ago is read again with each look: what a process that stood still writes late is seen after as many
 * looks as there are slots.
 */
export class EndedSlots {
  /** By start, seconds; in the order in which they were read. */
  readonly #settled = new Map<number, EndFigures>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly pool: string,
  ) {}

  /** What ended in the last minute and the last ten before `nowMs` (Unix ms), to the slot's ten seconds. Rejects when Redis does. */
  async read(nowMs: number): Promise<{ minute: EndFigures; tenMinutes: EndFigures }> {
    const starts = slotsBetween(nowMs - 600_000, nowMs, LATENCY_SLOT_SECONDS);
    const oldest = starts[0] ?? 0;
    for (const start of this.#settled.keys()) if (start < oldest) this.#settled.delete(start);
    const [again] = this.#settled.keys();
    if (again !== undefined) this.#settled.delete(again);
    const slots = await Promise.all(
      starts.map((start) => this.#settled.get(start) ?? this.#slot(start, nowMs)),
    );
    const minute = slotStart(nowMs - 60_000, LATENCY_SLOT_SECONDS);
    return {
      minute: sumFigures(slots.filter((_, at) => (starts[at] ?? 0) >= minute)),
      tenMinutes: sumFigures(slots),
    };
  }

  async #slot(start: number, nowMs: number): Promise<EndFigures> {
    const figures = endFigures([await this.redis.hgetall(latencyKey(this.keys, this.pool, start))]);
    const settledMs = (start + LATENCY_SLOT_SECONDS + SETTLED_SECONDS) * 1000;
    if (nowMs >= settledMs) this.#settled.set(start, figures);
    return figures;
  }
}
