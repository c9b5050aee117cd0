import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  type DeadlineScale,
  freshEpoch,
  needsRebase,
  priorityOf,
  type Standing,
} from '../admission/deadline.js';
import { orderOf } from '../admission/fairness.js';
import { expiry } from '../admission/limits.js';
import { goesAhead, isCrowdedOut } from '../admission/reserve.js';
import type { Config, PoolConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { type ControlMessage, parseJson } from '../contract/reply.js';
import {
  type EndRecord,
  endRecordSchema,
  movedSchema,
  type Outcome,
  type RequestFacts,
  type RoutedRequest,
  resultSchema,
  routedRequestSchema,
  type Share,
} from '../contract/request.js';
import { heartbeatSchema } from '../contract/worker.js';
import { scoreAfter } from '../queues/aside.js';
import { EndPublisher } from '../queues/emitter.js';
import { isRetired, retireJournal } from '../queues/journal.js';
import type { Keys } from '../queues/keys.js';
import { PoolQueues } from '../queues/pool-queues.js';
import { readScale, rebase } from '../queues/rebase.js';
import { Waiting } from '../queues/waiting.js';
import { frontierMs, type SharedRequest, takeTurn } from '../tenants/fair-share.js';
import { NOTHING, settleEnded } from '../tenants/settlement.js';

/** How long a router may go on with an epoch, or a count of prefill workers, that it read. */
const EPOCH_MAX_AGE_MS = 30_000;
const PREFILL_MAX_AGE_MS = 1_000;
/** That a request went to another pool is known for longer than it can wait there. */
const MOVED_SECONDS = 8 * 86_400;

/** Where a request stands. */
export type Lookup =
  | { state: 'open'; phase: 'queued' | 'running' }
  | { state: 'ended'; outcome: Outcome }
  /** It went on to a pool of a lower level. */
  | { state: 'moved'; pool: string }
  | { state: 'missing' };

/** A request and where it stands. */
export interface Found {
  /** `params` while its content is kept. */
  request: RequestFacts & Pick<RoutedRequest, 'params'>;
  lookup: Extract<Lookup, { state: 'open' | 'ended' }>;
}

/** Puts requests of one pool on its queues, finds and cancels them. */
export class PoolRouter {
  readonly queues: PoolQueues;
  readonly #ends: EndPublisher;
  readonly #waiting: Waiting;
  #scale: DeadlineScale | undefined;
  #scaleReadAtMs = 0;
  #prefillReady: Promise<boolean> = Promise.resolve(false);
  #prefillReadAtMs = 0;

  constructor(
    readonly pool: PoolConfig,
    private readonly config: Config,
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {
    this.queues = new PoolQueues(pool.name, keys, redis);
    this.#ends = new EndPublisher(redis);
    this.#waiting = new Waiting(redis, keys, this.queues);
  }

  /** Adds a routed request in deadline order. Adding an id again changes nothing. */
  async dispatch(request: RoutedRequest, nowMs: number, standing: Standing = 'onTime'): Promise<void> {
    const scale = await this.#currentScale(nowMs);
    const priority = priorityOf(orderOf(request, scale.resolutionMs), scale, standing);
    if (request.expiresAtMs !== undefined) await this.#waiting.expires(request.id, request.expiresAtMs);
    const { enabled, minPromptTokens } = this.pool.disaggregation;
    if (enabled === false || request.isl < minPromptTokens) await this.queues.addWhole(request, priority);
    else await this.queues.add(request, priority, (await this.#hasPrefill(nowMs)) ? 'flow' : 'whole');
    // A sweep that found its time over before it was there has forgotten it; noted only now, it could be lost with this process.
    if (request.expiresAtMs !== undefined)
      void this.#waiting.expires(request.id, request.expiresAtMs).catch(() => {});
    if (goesAhead(request)) this.#tellWithin(request);
  }

  /** Tells the workers of a request that is not sent, for want of a place that others have beyond their share. @param keeper the one that is to keep a place for the next */
  crowdedOut(request: RoutedRequest, keeper: string): void {
    if (isCrowdedOut(request)) this.#tellWithin(request, keeper);
  }

  /** The turn of a request in the pool's fair order; it is charged to its owner if `charge`. */
  takeTurn(request: SharedRequest, charge = true): Promise<Share> {
    const { deadlineResolutionMs } = this.config.queues;
    return takeTurn(this.redis, this.keys, this.pool, request, deadlineResolutionMs, charge);
  }

  async lookup(id: string): Promise<Lookup> {
    const job = await this.queues.find(id);
    if (job !== undefined) {
      const pool = movedOf(job);
      return pool === undefined ? lookupOf(job) : { state: 'moved', pool };
    }
    const retired = isRetired(this.redis, this.keys, this.pool.name, id);
    const [end, ended] = await Promise.all([this.#readEnd(id), retired]);
    if (end?.movedTo !== undefined) return { state: 'moved', pool: end.movedTo };
    if (end !== undefined) return endedWaiting(end);
    return ended ? noLongerKept(id) : { state: 'missing' };
  }

  /** Records that a request goes on in another pool, from now on. */
  async recordMove(request: RoutedRequest, to: string): Promise<void> {
    const record = endRecordSchema.parse({ message: `it went on to ${to}`, request, movedTo: to });
    const { redis, keys, pool } = this;
    await redis.set(keys.end(pool.name, request.id), JSON.stringify(record), 'EX', MOVED_SECONDS);
    // An id that its client chose is found by the pool that has it.
    await redis.set(keys.claim(request.id), to, 'KEEPTTL', 'XX');
  }

  /** The pool that a request went on to, as recorded; undefined: it did not. */
  async movedTo(id: string): Promise<string | undefined> {
    return (await this.#readEnd(id))?.movedTo;
  }

  /** A request that is or was here, with what is known of it; undefined: none of this id, or it went on to another pool. */
  async find(id: string): Promise<Found | undefined> {
    const job = await this.queues.find(id);
    if (job !== undefined) {
      const request = routedRequestSchema.safeParse(job.data);
      return request.success && movedOf(job) === undefined
        ? { request: request.data, lookup: lookupOf(job) }
        : undefined;
    }
    const end = await this.#readEnd(id);
    return end === undefined || end.movedTo !== undefined
      ? undefined
      : { request: end.request, lookup: endedWaiting(end) };
  }

  /** Requests that wait and go before one of this order (admission/fairness.ts), Unix ms. */
  async ahead(orderMs: number, nowMs: number): Promise<number> {
    const most = scoreAfter(priorityOf(orderMs, await this.#currentScale(nowMs)));
    const { decode, prefill } = this.queues;
    const counts = await Promise.all(
      [decode, prefill].map((queue) => this.redis.zcount(queue.toKey('prioritized'), '-inf', `(${most}`)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Requests before it in its queue; null: it does not wait there. */
  async place(id: string): Promise<number | null> {
    const { decode, prefill } = this.queues;
    const [atDecode, atPrefill] = await Promise.all(
      [decode, prefill].map((queue) => this.redis.zrank(queue.toKey('prioritized'), id)),
    );
    return atDecode ?? atPrefill ?? null;
  }

  /** The routed request itself, while its job is kept. */
  async routed(id: string): Promise<RoutedRequest | undefined> {
    return routedRequestSchema.safeParse((await this.queues.find(id))?.data).data;
  }

  /**
   * One step of cancelling. The job is marked first, so that whoever takes it from now on ends it as cancelled;
   * a waiting one is then removed at once, a running one is told over the control channel (`asked`: look again, also for
   * the pool, since it may be on its way to another).
   */
  async cancel(id: string): Promise<'cancelled' | 'ended' | 'not_found' | 'asked'> {
    const job = await this.queues.find(id);
    if (job === undefined) {
      const { state } = await this.lookup(id);
      return state === 'moved' ? 'asked' : state === 'ended' ? 'ended' : 'not_found';
    }
    const data = routedRequestSchema.safeParse(job.data);
    if (movedOf(job) !== undefined) return 'asked';
    if (job.finishedOn !== undefined || !data.success) {
      const outcome = outcomeOf(job);
      return outcome?.kind === 'cancelled' ? 'cancelled' : 'ended';
    }
    const marked: RoutedRequest = { ...data.data, cancelled: true };
    await job.updateData(marked).catch(() => {});
    const child = await this.queues.prefill.getJob(id);
    await child?.updateData(marked).catch(() => {});
    const end = await this.#endWaiting(data.data, 'cancelled', 'cancelled by the client while it waited');
    if (end === 'ended') return 'cancelled';
    if (end === 'held') await this.control({ type: 'cancel', id });
    return 'asked';
  }

  /**
   * Ends the requests that no worker took before their time was over (Unix ms). Several may do so at once: each request is
   * ended by one of them, or by the worker that took it in the same moment. Returns those that it ended.
   */
  async expire(nowMs: () => number): Promise<RequestFacts[]> {
    const ended: RequestFacts[] = [];
    for (const id of await this.#waiting.due(nowMs())) {
      const job = await this.queues.find(id);
      const request = routedRequestSchema.safeParse(job?.data).data;
      const atMs = request?.expiresAtMs;
      // Ended since.
      if (request === undefined || atMs === undefined || job?.finishedOn !== undefined) continue;
      const error = expiry(request, nowMs());
      // The same id was sent before, with another time.
      if (error === undefined) await this.#waiting.expires(id, atMs);
      else if ((await this.#endWaiting(request, 'expired', error.message)) === 'ended') ended.push(request);
    }
    return ended;
  }

  /** Ends a request that no worker holds, and tells of it. */
  async #endWaiting(
    request: RoutedRequest,
    kind: 'cancelled' | 'expired',
    message: string,
  ): Promise<'ended' | 'held' | 'gone'> {
    const { redis, keys, pool } = this;
    const { keepSeconds } = this.config.queues;
    const { id, replyTo } = request;
    const record = endRecordSchema.parse({ message, request, ...(kind === 'expired' ? { kind } : {}) });
    const end = await this.#waiting.end(id, JSON.stringify(record), keepSeconds);
    if (end !== 'ended') return end;
    this.#ends.publish(replyTo === undefined ? [] : [replyTo], id, { kind, code: kind, message });
    await settleEnded(redis, keys, request, NOTHING);
    // A worker that was taken for dead may still write to it.
    await retireJournal(redis, keys, pool.name, id, keepSeconds * 1000);
    return end;
  }

  async control(message: ControlMessage): Promise<void> {
    await this.redis.publish(this.keys.control(this.pool.name), JSON.stringify(message));
  }

  /** Keeps the deadline epoch fresh; call every minute or so. @returns requests given a new priority. */
  async maintain(nowMs: number, settle: () => Promise<void>): Promise<number> {
    const scale = await this.#readScale(nowMs);
    const frontierMs = await this.#frontierMs(nowMs);
    if (!needsRebase(scale, frontierMs)) return 0;
    const lock = `${this.keys.deadlineEpoch(this.pool.name)}:lock`;
    if ((await this.redis.set(lock, '1', 'PX', 600_000, 'NX')) === null) return 0;
    const next = { ...scale, epochMs: freshEpoch(scale.resolutionMs, frontierMs) };
    let moved = await rebase(this.queues, next);
    await this.redis.set(this.keys.deadlineEpoch(this.pool.name), next.epochMs);
    await settle();
    moved += await rebase(this.queues, next);
    await this.redis.del(lock);
    return moved;
  }

  close(): Promise<void> {
    return this.queues.close();
  }

  #tellWithin({ owner }: RoutedRequest, keeper?: string): void {
    if (owner !== undefined) this.control({ type: 'within', tenant: owner.tenant, keeper }).catch(() => {});
  }

  async #readEnd(id: string): Promise<EndRecord | undefined> {
    const text = await this.redis.get(this.keys.end(this.pool.name, id));
    return text === null ? undefined : endRecordSchema.safeParse(parseJson(text)).data;
  }

  async #currentScale(nowMs: number): Promise<DeadlineScale> {
    const fresh = nowMs - this.#scaleReadAtMs <= EPOCH_MAX_AGE_MS;
    return fresh && this.#scale !== undefined ? this.#scale : this.#readScale(nowMs);
  }

  /** Where the pool's order is now, Unix ms: at the clock, or where turns are taken and work waits at its own time. */
  async #frontierMs(nowMs: number): Promise<number> {
    if (this.config.gateway.auth !== 'keys') return nowMs;
    const { decode, prefill } = this.queues;
    const [at, ...waiting] = await Promise.all([
      frontierMs(this.redis, this.keys, this.pool),
      ...[decode, prefill].map((queue) => this.redis.zcard(queue.toKey('prioritized'))),
    ]);
    return at === null || waiting.every((count) => count === 0) ? nowMs : at;
  }

  async #readScale(nowMs: number): Promise<DeadlineScale> {
    this.#scale = await readScale(
      this.redis,
      this.keys,
      this.pool.name,
      this.config.queues.deadlineResolutionMs,
      nowMs,
    );
    this.#scaleReadAtMs = nowMs;
    return this.#scale;
  }

  /** Conditional disaggregation: long prompts, while the pool has a prefill worker that is ready. */
  async #hasPrefill(nowMs: number): Promise<boolean> {
    if (nowMs - this.#prefillReadAtMs > PREFILL_MAX_AGE_MS) {
      this.#prefillReadAtMs = nowMs;
      this.#prefillReady = this.#readPrefillReady(nowMs);
    }
    return this.#prefillReady;
  }

  async #readPrefillReady(nowMs: number): Promise<boolean> {
    const beats = await this.redis.hvals(this.keys.heartbeats(this.pool.name));
    return beats.some((text) => {
      const beat = heartbeatSchema.safeParse(parseJson(text));
      if (!beat.success) return false;
      const fresh = nowMs - beat.data.atMs < this.config.worker.leaseSeconds * 1000;
      return fresh && beat.data.role === 'prefill' && beat.data.state === 'ready';
    });
  }
}

/** The pool that a job's request went on to. */
function movedOf(job: Job): string | undefined {
  return job.finishedOn === undefined ? undefined : movedSchema.safeParse(job.returnvalue).data?.movedTo;
}

function lookupOf(job: Job): Found['lookup'] {
  const outcome = outcomeOf(job);
  if (outcome !== undefined) return { state: 'ended', outcome };
  return { state: 'open', phase: job.processedOn === undefined ? 'queued' : 'running' };
}

function endedWaiting({ message, ...record }: EndRecord): Found['lookup'] {
  const kind = record.kind ?? 'cancelled';
  return { state: 'ended', outcome: { kind, code: kind, message } };
}

/** It must not run again for want of its end. */
function noLongerKept(id: string): Lookup {
  const message = `request ${id} has ended; how is no longer kept (queues.keep_jobs)`;
  return { state: 'ended', outcome: { kind: 'failed', code: 'not_found', message } };
}

/** How a job ended; undefined while it has not. */
function outcomeOf(job: Job): Outcome | undefined {
  if (job.finishedOn === undefined) return undefined;
  // BullMQ keeps the reason of an attempt that failed before the one that completed.
  const result = resultSchema.safeParse(job.returnvalue);
  if (result.success) return { kind: 'completed', result: result.data };
  if (job.failedReason !== undefined && job.failedReason !== '') return failureOf(job.failedReason);
  return {
    kind: 'failed',
    code: 'internal',
    message: 'the job was completed by something that is not Sluice',
  };
}

/** The outcome that a failed reason stands for. */
export function failureOf(reason: string): Outcome {
  const error = SluiceError.fromReason(reason);
  const kind = error.code === 'expired' || error.code === 'cancelled' ? error.code : 'failed';
  return { kind, code: error.code, message: error.message };
}
