import type { Redis } from 'ioredis';
import { Holdings } from '../../admission/holdings.js';
import { isExcess, Reserve, roomForExcess } from '../../admission/reserve.js';
import { claimHead } from '../../queues/head.js';
import type { Run } from './run.js';

interface KeptRoomOptions {
  workerId: string;
  redis: Redis;
  now: () => number;
  log: (message: string) => void;
}

/** What a worker holds. */
interface Work {
  runs: ReadonlyMap<string, Run>;
  /** Those that have left the engine. */
  left: ReadonlySet<Run>;
}

/** Keeps a worker's last places for requests within their share while others flood the pool (admission/reserve.ts). */
export class KeptRoom {
  readonly #reserve = new Reserve();
  /** A request within its share may be at the head of the queue. */
  #awaited = false;
  #asking = false;
  /** The head was claimed and is to be fetched. */
  #claimed = false;
  readonly #holdings = new Holdings();

  constructor(
    private readonly options: KeptRoomOptions,
    /** BullMQ's keys of the queue that the worker pulls from. */
    private readonly queue: { toKey(type: string): string },
    /** Room may have changed. */
    private readonly changed: () => void,
  ) {}

  /** A request within its share was queued, or refused: then a place is kept by the `keeper`. */
  heard({ tenant, keeper }: { tenant: string; keeper?: string | undefined }): void {
    const nowMs = this.options.now();
    this.#reserve.heardWithin(nowMs);
    this.#holdings.came(tenant, nowMs, keeper === this.options.workerId);
    if (keeper === undefined) this.#awaited = true;
    this.changed();
  }

  /** A request was fetched. @param starved it was let go first, since it had stood aside for too long */
  took(request: Run['request'], starved: boolean): void {
    const nowMs = this.options.now();
    if (request.owner !== undefined) this.#holdings.came(request.owner.tenant, nowMs);
    if (this.#isBeyond(request)) this.#reserve.tookExcess(nowMs, !starved);
    // Another may stand behind the one that was claimed.
    if (this.#claimed) this.#awaited = true;
    this.#claimed = false;
  }

  /** A request got its first token. */
  began(request: Run['request']): void {
    if (this.#isBeyond(request) && this.#reserve.isOn(this.options.now())) this.changed();
  }

  /** Whether a request that is late has the excess work of others to thank for it: it is not to stand behind that too. */
  protects(request: Run['request']): boolean {
    const isWithin = request.owner !== undefined && !this.#isBeyond(request);
    return isWithin && this.#reserve.isCrowded(this.options.now());
  }

  /** Of the engine's room what may be filled now. @param places that nobody has, of which `room` are open to new prompts */
  of(room: number, places: () => number, work: Work): number {
    if (this.#holdings.isEmpty) return room;
    const nowMs = this.options.now();
    const free = places();
    const runs = runningOf(work);
    this.#holdings.update(heldBy(runs), free + runs.length, nowMs);
    if (!this.#reserve.isOn(nowMs)) return room;
    let unbegun = 0;
    for (const { request, firstTokenAtMs } of runs)
      if (firstTokenAtMs === null && this.#isBeyond(request)) unbegun++;
    const { within, due } = this.#holdings;
    const held = { room, free, held: runs.length, unbegun, within, due };
    const open = Math.min(room, roomForExcess(held) + (this.#claimed ? 1 : 0));
    if (this.#awaited && open <= 0 && room > 0 && !this.#asking) this.#ask();
    return open;
  }

  /** Whether a request is excess work, or of a tenant that holds more than its part. */
  #isBeyond(request: Run['request']): boolean {
    return isExcess(request) || this.#isOver(request);
  }

  #isOver({ owner }: Run['request']): boolean {
    return owner !== undefined && this.#holdings.over.includes(owner.tenant);
  }

  #ask(): void {
    const { redis, workerId, log } = this.options;
    this.#asking = true;
    this.#awaited = false;
    claimHead(redis, this.queue, workerId, this.#holdings.over)
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

function runningOf({ runs, left }: Work): Run[] {
  return [...runs.values()].filter((run) => !left.has(run));
}

/** Requests of each tenant among those held. */
function heldBy(runs: readonly Run[]): Map<string, number> {
  const held = new Map<string, number>();
  for (const { request } of runs) {
    const tenant = request.owner?.tenant;
    if (tenant !== undefined) held.set(tenant, (held.get(tenant) ?? 0) + 1);
  }
  return held;
}
