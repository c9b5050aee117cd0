import type { Redis } from 'ioredis';
import { isExcess, Reserve, roomForExcess } from '../../admission/reserve.js';
import { claimHead } from '../../queues/head.js';
import type { Run } from './run.js';

interface KeptRoomOptions {
  workerId: string;
  redis: Redis;
  now: () => number;
  log: (message: string) => void;
}

/** Keeps a worker's last places for requests within their share while others flood the pool (admission/reserve.ts). */
export class KeptRoom {
  readonly #reserve = new Reserve();
  /** A request within its share may be at the head of the queue. */
  #awaited = false;
  #asking = false;
  /** The head was claimed and is to be fetched. */
  #claimed = false;

  constructor(
    private readonly options: KeptRoomOptions,
    /** BullMQ's keys of the queue that the worker pulls from. */
    private readonly queue: { toKey(type: string): string },
    /** Room may have changed. */
    private readonly changed: () => void,
  ) {}

  /** A request within its share was queued. */
  heard(): void {
    this.#reserve.heardWithin(this.options.now());
    this.#awaited = true;
    this.changed();
  }

  /** A request was fetched. */
  took(request: Run['request']): void {
    if (isExcess(request)) this.#reserve.tookExcess(this.options.now());
    // Another may stand behind the one that was claimed.
    if (this.#claimed) this.#awaited = true;
    this.#claimed = false;
  }

  /** A request got its first token. */
  began(request: Run['request']): void {
    if (isExcess(request) && this.#reserve.isOn(this.options.now())) this.changed();
  }

  /** Of the engine's room what may be filled now. @param runs those held */
  of(room: number, runs: ReadonlyMap<string, Run>): number {
    if (!this.#reserve.isOn(this.options.now())) return room;
    let unbegun = 0;
    for (const { request, firstTokenAtMs } of runs.values())
      if (firstTokenAtMs === null && isExcess(request)) unbegun++;
    const open = Math.min(room, roomForExcess(room, runs.size, unbegun) + (this.#claimed ? 1 : 0));
    if (this.#awaited && open <= 0 && room > 0 && !this.#asking) this.#ask();
    return open;
  }

  #ask(): void {
    const { redis, workerId, log } = this.options;
    this.#asking = true;
    this.#awaited = false;
    claimHead(redis, this.queue, workerId)
      .then(
        (claimed) => {
          this.#claimed ||= claimed;
        },
        (error: unknown) => log(`the head of the queue: ${String(error)}`),
      )
      .finally(() => {
        this.#asking = false;
        if (this.#claimed || this.#awaited) this.changed();
      });
  }
}
