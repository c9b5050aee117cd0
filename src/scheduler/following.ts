import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { relegatedTo } from '../admission/relegation.js';
import type { PoolConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { parseReply } from '../contract/reply.js';
import type { RoutedRequest } from '../contract/request.js';
import { readJournal } from '../queues/journal.js';
import type { Keys } from '../queues/keys.js';
import { PendingRequest } from './pending.js';
import type { PoolRouter } from './pool-router.js';

/** A request unheard of for so long is looked up in Redis; pub/sub only makes hearing faster. */
const SILENCE_MS = 1_500;
const LOOKUPS_PER_SWEEP = 50;
/** Redis must have taken a request within so long. */
export const ACCEPT_LIMIT_MS = 60_000;

/** The requests that one process follows to their end: what it hears of them on its channel, and looks up where it hears nothing. */
export class Following {
  /** The channel that replies come by. */
  readonly channel: string;
  readonly #pending = new Map<string, PendingRequest>();

  constructor(
    private readonly redis: Redis,
    private readonly subscriber: Redis,
    private readonly keys: Keys,
    private readonly routerOf: (pool: string) => PoolRouter,
    private readonly poolOf: (name: string) => PoolConfig | undefined,
  ) {
    this.channel = keys.reply(randomUUID());
  }

  async listen(): Promise<void> {
    this.subscriber.on('message', (_channel: string, message: string) => this.#hear(message));
    // What was published while the connection was away is looked up.
    this.subscriber.on('ready', () => {
      for (const pending of this.#pending.values()) pending.lastHeardMs = 0;
    });
    await this.subscriber.subscribe(this.channel);
  }

  get(id: string): PendingRequest | undefined {
    return this.#pending.get(id);
  }

  /** Follows a request from now on, until `forget`. */
  begin(routed: RoutedRequest): PendingRequest {
    const pending = new PendingRequest(
      routed,
      (pool, from) => readJournal(this.redis, this.keys, pool, routed.id, from),
      Date.now(),
    );
    this.#pending.set(routed.id, pending);
    return pending;
  }

  forget(id: string): void {
    this.#pending.delete(id);
  }

  /** Nobody follows any longer: all that wait for an end are told. */
  failAll(error: SluiceError): void {
    for (const pending of this.#pending.values()) pending.fail(error);
  }

  /** Looks up the requests that nothing was heard of. */
  async sweep(): Promise<void> {
    const now = Date.now();
    let looked = 0;
    for (const pending of this.#pending.values()) {
      if (pending.isAccepting) {
        if (now - pending.routed.acceptedAtMs > ACCEPT_LIMIT_MS) pending.fail(notTaken(pending.routed.id));
        continue;
      }
      if (now - pending.lastHeardMs < SILENCE_MS) continue;
      if (++looked > LOOKUPS_PER_SWEEP) break;
      pending.lastHeardMs = now;
      await this.lookUp(pending);
    }
  }

  async lookUp(pending: PendingRequest): Promise<void> {
    const { id, pool } = pending.routed;
    const router = this.routerOf(pool);
    const found = await router.lookup(id);
    switch (found.state) {
      case 'ended':
        pending.end({ type: 'end', id, outcome: found.outcome });
        return;
      case 'open':
        // The run may not know of this client (it joined later), or its frames were lost on the way.
        if (found.phase === 'running') await router.control({ type: 'attach', id, replyTo: this.channel });
        pending.catchUp();
        return;
      case 'moved':
        this.#move(pending, found.pool);
        if (pending.routed.pool !== pool) await this.lookUp(pending);
        return;
      case 'missing':
        // Redis came back without what it had accepted: the same id is added again.
        await router.dispatch(pending.routed, Date.now());
        return;
    }
  }

  #hear(message: string): void {
    const now = Date.now();
    for (const frame of parseReply(message)) {
      const pending = this.#pending.get(frame.id);
      if (pending === undefined) continue;
      if (frame.type === 'tokens') pending.tokens(frame, now);
      else if (frame.type === 'end') pending.end(frame);
      else this.#move(pending, frame.pool);
    }
  }

  /** The request is another pool's from now on: its journal lies there, and its worker hears that pool's channel. */
  #move(pending: PendingRequest, pool: string): void {
    const { routed } = pending;
    if (routed.pool === pool) return;
    // A pool that this process's configuration does not have: tokens and end are heard all the same.
    const to = this.poolOf(pool);
    if (to !== undefined) pending.routed = relegatedTo(routed, to);
  }
}

/** Redis did not take a request in time; whether it will is not known. */
export function notTaken(id: string): SluiceError {
  const waited = `Redis has not taken request ${id} in ${ACCEPT_LIMIT_MS / 1000} s`;
  return new SluiceError(
    'no_redis',
    `${waited}; it may still run: look it up by its id before sending it again`,
  );
}
