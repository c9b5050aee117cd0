import type { Redis } from 'ioredis';
import { type TransitionRecord, transitionSchema } from '../contract/transition.js';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';
import { type PlannerStep, stepOf } from './activity.js';

const PAGE = 500;
const NEWEST_KEPT = 20;
/** Orders whose reasons are remembered: leases are of them. */
const ORDERS_KEPT = 500;

/** Follows a pool's stream of transitions: each reading takes only what came since the last one. */
export class TransitionLog {
  /** The newest records, the newest last. */
  records: TransitionRecord[] = [];
  readonly #orders = new Map<number, string>();
  #lastId = '-';
  #reading: Promise<void> | undefined;

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly pool: string,
    /** Called with each record, in short and in order. */
    private readonly onStep: (step: PlannerStep) => void,
  ) {}

  /** One reading at a time: two at once would take the same entries twice. */
  read(): Promise<void> {
    this.#reading ??= this.#readOn().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Why the order of a generation was given; null: no longer on record. */
  whyOrdered(generation: number): string | null {
    return this.#orders.get(generation) ?? null;
  }

  #rememberOrder(generation: number, reason: string): void {
    this.#orders.set(generation, reason);
    // A Map keeps the order in which its keys came.
    for (const oldest of this.#orders.keys()) {
      if (this.#orders.size <= ORDERS_KEPT) break;
      this.#orders.delete(oldest);
    }
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const key = this.keys.transitions(this.pool);
      const from = this.#lastId === '-' ? '-' : `(${this.#lastId}`;
      const entries = await this.redis.xrange(key, from, '+', 'COUNT', PAGE);
      for (const [id, fields] of entries) {
        this.#lastId = id;
        const text = fields[fields.indexOf('record') + 1] ?? null;
        const record = parseStored(transitionSchema, text);
        if (record === null) continue;
        this.onStep(stepOf(record));
        this.records.push(record);
        if (record.order !== null) this.#rememberOrder(record.order.generation, record.reason);
      }
      this.records = this.records.slice(-NEWEST_KEPT);
      if (entries.length < PAGE) return;
    }
  }
}
