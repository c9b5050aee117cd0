import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import type { Outcome, Owner, RoutedRequest, Submission } from '../contract/request.js';
import { connect, redisError } from '../queues/connection.js';
import { type FormerPool, formerPools, notePools } from '../queues/former-pools.js';
import { journalLength } from '../queues/journal.js';
import { Keys } from '../queues/keys.js';
import { assertRedis, probeWrite } from '../queues/server-check.js';
import { inTime } from '../queues/within.js';
import { Recorder } from '../telemetry/recorder.js';
import { settle } from '../tenants/limits.js';
import { DIRECT, settleEnded, UNSENT, usedBy } from '../tenants/settlement.js';
import { type Cancelled, cancelAll, cancelRequest } from './cancelling.js';
import { ACCEPT_LIMIT_MS, Following, notTaken } from './following.js';
import { GlobalScheduler, type RouteCounts } from './global-scheduler.js';
import type { PendingRequest, TokenHandlers } from './pending.js';
import type { Found, PoolRouter } from './pool-router.js';
import { PoolRouters } from './pool-routers.js';

const SWEEP_MS = 500;
const MAINTAIN_MS = 60_000;

export interface RequestHandle {
  id: string;
  /** Pool and level change while it waits, where its pool relegates it. */
  readonly pool: string;
  readonly level: string;
  model: string;
  /** Unix ms. */
  acceptedAtMs: number;
  readonly deadlineMs: number;
  /** Every token that was delivered so far; grows until `done`. */
  tokens: readonly string[];
  /** The level that was asked for, where a lower one serves it. */
  readonly relegatedFrom?: string | undefined;
  /** The same id was sent before, by this or another client. */
  again?: boolean;
  /** Resolves when the request has ended; rejects only when the client is closed first. */
  done: Promise<Outcome>;
}

/**
 * The way into Sluice for a process: validates, routes, dispatches, and follows requests to their end. The ingress,
 * the CLI and the gateway each hold one.
 */
export class SluiceClient {
  readonly scheduler: GlobalScheduler;
  readonly #routers: PoolRouters;
  readonly #following: Following;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #recorder: Recorder;
  #closed = false;

  private constructor(
    readonly config: Config,
    private readonly keys: Keys,
    private readonly redis: Redis,
    private readonly subscriber: Redis,
  ) {
    this.scheduler = new GlobalScheduler(config);
    this.#routers = new PoolRouters(config, redis, keys);
    this.#following = new Following(
      redis,
      subscriber,
      keys,
      (pool) => this.#routers.of(pool),
      (name) => config.pools[name],
    );
    this.#recorder = new Recorder(redis, keys, { pools: Object.keys(config.pools) });
  }

  /** Errors: `no_redis` when the server does not answer. */
  static async open(config: Config, redisUrl: string): Promise<SluiceClient> {
    await assertRedis(redisUrl);
    const keys = new Keys(config.namespace);
    const client = new SluiceClient(
      config,
      keys,
      connect(redisUrl, 'producer'),
      connect(redisUrl, 'subscriber'),
    );
    client.#routers.addFormer(await notePools(client.redis, keys, config));
    await client.#listen();
    return client;
  }

  /**
   * Submits a request. Resolves when it is accepted, that is durable in its pool's queue.
   * Errors: `invalid_request`, `unknown_level`, `unknown_model`, `prompt_too_long`, `redis_full`, `no_redis`.
   */
  async submit(submission: Submission, handlers?: TokenHandlers): Promise<RequestHandle> {
    if (this.#closed) throw closedError();
    const asked = this.route(submission);
    if (submission.id !== undefined) return this.sendOnce(asked, handlers);
    if (this.config.gateway.auth === 'keys') await this.takeTurn(asked, DIRECT);
    return this.send(asked, handlers);
  }

  /** The pool, limits and deadlines of a submission; nothing is sent yet. Errors as of `submit`. */
  route(submission: Submission, freshId: string = randomUUID()): RoutedRequest {
    try {
      const routed = this.scheduler.route(submission, freshId, Date.now());
      return { ...routed, replyTo: this.#following.channel };
    } catch (error) {
      this.refused(this.scheduler.poolOf(submission));
      throw error;
    }
  }

  /** Counts a request that is not taken. @param pool null: none was chosen. */
  refused(pool: string | null): void {
    this.#recorder.rejected(pool);
  }

  /** Counts a request that its pool is too busy for. */
  turnedAway({ pool, acceptedAtMs, isl }: RoutedRequest): void {
    this.#recorder.turnedAway(pool, acceptedAtMs, isl);
  }

  /** Gives a request its owner's turn in the pool's fair order, and charges it unless it is only to be found. */
  async takeTurn(routed: RoutedRequest, owner: Owner, charge = true): Promise<void> {
    routed.owner = owner;
    const { pool, isl, maxTokens, acceptedAtMs } = routed;
    const request = { isl, maxTokens, acceptedAtMs, owner };
    routed.share = await this.#routers.of(pool).takeTurn(request, charge);
  }

  /** Tells the workers of a pool that it refused a request. @param keeper of them, who is to keep a place for the next */
  crowdedOut(routed: RoutedRequest, keeper: string): void {
    this.#routers.of(routed.pool).crowdedOut(routed, keeper);
  }

  /** Ends the account of a request that was not sent after all. */
  async giveTurnBack(routed: RoutedRequest): Promise<void> {
    await settleEnded(this.redis, this.keys, routed, UNSENT);
  }

  /** Settles a request of a key that has ended, or is gone, without its account having been settled. */
  async settleIfEnded(id: string, key: string): Promise<boolean> {
    const found = await this.find(id);
    if (found?.lookup.state === 'open') return false;
    if (found === undefined) return settle(this.redis, this.keys, key, id, 0, 0);
    await settleEnded(this.redis, this.keys, found.request, usedBy(found.lookup.outcome));
    return true;
  }

  /** Sends a routed request whose id may have been sent before: it is one request, and the first one's pool counts. */
  async sendOnce(asked: RoutedRequest, handlers?: TokenHandlers): Promise<RequestHandle> {
    const { routed, again } = await this.#claim(asked);
    if (!again && this.config.gateway.auth === 'keys' && routed.owner === undefined) {
      await this.takeTurn(routed, DIRECT);
    }
    if (!again) return this.send(routed, handlers);
    let sent = false;
    const handle = await this.#send(routed, handlers, async () => {
      sent = await this.#dispatchMissing(routed);
      return sent;
    });
    // It runs, or ran, on the account of whoever sent it.
    if (!sent) await this.giveTurnBack(asked).catch(() => {});
    const pending = this.#following.get(routed.id);
    if (pending !== undefined) void this.#following.lookUp(pending).catch(() => {});
    return Object.assign(handle, { again });
  }

  /** Sends a routed request with a fresh id. Resolves when it is accepted. Errors: `redis_full`, `no_redis`. */
  send(routed: RoutedRequest, handlers?: TokenHandlers): Promise<RequestHandle> {
    return this.#send(routed, handlers, () => this.#dispatch(routed));
  }

  /** @param accept makes it durable, and tells whether it was not before */
  async #send(
    routed: RoutedRequest,
    handlers: TokenHandlers | undefined,
    accept: () => Promise<boolean>,
  ): Promise<RequestHandle> {
    if (this.#closed) throw closedError();
    const known = this.#following.get(routed.id);
    if (known !== undefined) {
      known.listen(handlers);
      return handleOf(known);
    }
    const pending = this.#following.begin(routed);
    pending.listen(handlers);
    try {
      const fresh = await pending.accepting(accept());
      // Counted by the pool that it asked for, wherever it goes from there.
      if (fresh) this.#recorder.arrival(routed.pool, routed.acceptedAtMs, routed.isl);
    } catch (error) {
      this.#following.forget(routed.id);
      const refused = redisError(error);
      pending.fail(refused); // for who submitted the same id meanwhile
      throw refused;
    }
    this.scheduler.routed(routed.pool);
    const settle = (completed: boolean) => {
      this.#following.forget(routed.id);
      this.scheduler.ended(routed.pool, completed);
    };
    pending.done.then(
      (outcome) => settle(outcome.kind === 'completed'),
      () => settle(false),
    );
    return handleOf(pending);
  }

  async #dispatch(routed: RoutedRequest): Promise<true> {
    await this.#routers.of(routed.pool).dispatch(routed, routed.acceptedAtMs);
    return true;
  }

  /** An id that was sent before: its request is there, or has ended, unless whoever sent it died on the way. */
  async #dispatchMissing(routed: RoutedRequest): Promise<boolean> {
    const { state } = await this.#routers.of(routed.pool).lookup(routed.id);
    return state === 'missing' && this.#dispatch(routed);
  }

  /** A request of any client, and where it stands; undefined: there is none, or what is kept of it is gone. */
  async find(id: string): Promise<Found | undefined> {
    return (await this.#find(id))?.find(id);
  }

  /** Requests of a pool that wait and go before one of this order (admission/fairness.ts), Unix ms. */
  ahead(pool: string, orderMs: number): Promise<number> {
    return this.#routers.of(pool).ahead(orderMs, Date.now());
  }

  /** Tokens that a running request has made, as far as they are durable. */
  made(id: string, pool: string): Promise<number> {
    return journalLength(this.redis, this.keys, pool, id);
  }

  /** Requests before it in its pool's queue; null: it does not wait. */
  place(id: string, pool: string): Promise<number | null> {
    return this.#routers.of(pool).place(id);
  }

  /**
   * Follows a request that some client submitted, from its first token to its end. undefined: there is none.
   * Where its content is gone (cancelled while it waited), there is nothing to follow: see `find`.
   */
  async follow(id: string, handlers?: TokenHandlers): Promise<RequestHandle | undefined> {
    if (this.#closed) throw closedError();
    const known = this.#following.get(id);
    if (known !== undefined) {
      known.listen(handlers);
      return handleOf(known);
    }
    const routed = await (await this.#find(id))?.routed(id);
    if (routed === undefined) return undefined;
    const meanwhile = this.#following.get(id);
    const pending = meanwhile ?? this.#following.begin({ ...routed, replyTo: this.#following.channel });
    pending.listen(handlers);
    if (meanwhile === undefined) {
      const forget = () => this.#following.forget(id);
      pending.done.then(forget, forget);
      await this.#following.lookUp(pending);
    }
    return handleOf(pending);
  }

  /** Cancels a queued or running request, wherever it runs. `ended`: it had ended otherwise. */
  cancel(id: string): Promise<Cancelled> {
    return cancelRequest(id, () => this.#find(id));
  }

  /** Pools that are no longer configured but hold open requests; these can be found and cancelled here. */
  formerPools(): Promise<FormerPool[]> {
    return formerPools(this.redis, this.keys, this.config);
  }

  /**
   * Cancels every open request of a pool that is no longer configured. Returns how many.
   * Errors: `invalid_request` for a pool that is configured or never was; those of `cancelAll`.
   */
  async cancelFormer(pool: string): Promise<number> {
    const router = this.#routers.former(pool);
    if (router === undefined) {
      throw new SluiceError(
        'invalid_request',
        `pool: expected one that is no longer configured, got ${JSON.stringify(pool)}`,
      );
    }
    return cancelAll(router);
  }

  /** Makes sure that Redis takes a write within so many ms. Errors: `redis_full`, `no_redis`. */
  async assertWritable(limitMs: number): Promise<void> {
    const late = () => new SluiceError('no_redis', `Redis has not answered in ${limitMs} ms`);
    try {
      await inTime(probeWrite(this.redis, this.keys.probe()), limitMs, late);
    } catch (error) {
      throw redisError(error);
    }
  }

  counts(): { pools: Record<string, RouteCounts>; rejected: number } {
    return this.scheduler.counts();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#following.failAll(new SluiceError('not_running', 'the client was closed before the request ended'));
    await this.#recorder.close();
    await this.#routers.close();
    this.subscriber.disconnect();
    this.redis.disconnect();
  }

  async #listen(): Promise<void> {
    await this.#following.listen();
    this.#recorder.start();
    this.#every(SWEEP_MS, () => this.#following.sweep());
    this.#every(SWEEP_MS, () => this.#expire());
    const settle = () => new Promise<void>((resolve) => setTimeout(resolve, 31_000));
    this.#every(MAINTAIN_MS, () => this.#routers.maintain(Date.now, settle));
  }

  /** Ends what waits beyond its time, whoever sent it and whether or not there are workers. */
  async #expire(): Promise<void> {
    for (const { pool, isl, acceptedAtMs } of await this.#routers.expire(Date.now)) {
      const atMs = Date.now();
      const wholeSeconds = Math.max(0, atMs - acceptedAtMs) / 1000;
      this.#recorder.ended(pool, { kind: 'expired', attained: false, wholeSeconds, isl, osl: 0, atMs });
    }
  }

  #every(ms: number, task: () => Promise<void>): void {
    let running = false;
    const timer = setInterval(() => {
      if (running) return;
      running = true;
      task()
        .catch(() => {}) // Redis is away; the next turn tries again
        .finally(() => {
          running = false;
        });
    }, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  /** Binds a client-chosen id to one pool, so that the same id at two levels is still one execution. */
  async #claim(asked: RoutedRequest): Promise<{ routed: RoutedRequest; again: boolean }> {
    const key = this.keys.claim(asked.id);
    const ttl = Math.max(this.config.queues.keepSeconds, 86_400);
    const claimed = await withLimit(this.redis.set(key, asked.pool, 'EX', ttl, 'NX', 'GET'), asked.id);
    const owner = claimed === null ? undefined : this.config.pools[claimed];
    if (owner === undefined) return { routed: asked, again: false };
    return { routed: { ...asked, pool: owner.name, level: owner.level, model: owner.model }, again: true };
  }

  async #find(id: string): Promise<PoolRouter | undefined> {
    const claimed = await this.redis.get(this.keys.claim(id));
    return this.#routers.find(id, this.#following.get(id)?.routed.pool ?? claimed);
  }
}

function closedError(): SluiceError {
  return new SluiceError('not_running', 'this client is closed');
}

/** What it tells of its level changes where its pool sends it on. */
function handleOf(pending: PendingRequest): RequestHandle {
  const { id, model, acceptedAtMs } = pending.routed;
  const { delivered: tokens, done } = pending;
  return {
    id,
    model,
    acceptedAtMs,
    tokens,
    done,
    get pool() {
      return pending.routed.pool;
    },
    get level() {
      return pending.routed.level;
    },
    get deadlineMs() {
      return pending.routed.deadlineMs;
    },
    get relegatedFrom() {
      return pending.routed.relegatedFrom;
    },
  };
}

/** Errors: `redis_full` when Redis refuses it, `no_redis` when it does not answer in a minute. */
async function withLimit<T>(work: Promise<T>, id: string): Promise<T> {
  try {
    return await inTime(work, ACCEPT_LIMIT_MS, () => notTaken(id));
  } catch (error) {
    throw redisError(error);
  }
}
