import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import { parseJson } from '../../contract/reply.js';
import type { Keys } from '../../queues/keys.js';
import { type Batch, batchObject, batchSchema, isEnded } from './batch.js';
import { type batchesQuery, type Page, pageOf } from './paging.js';

/** A batch and its results are kept so long after their last change. */
const KEEP_SECONDS = 7 * 86_400;

/** Results of a batch's lines, by line, each the JSON text of a line of its file. */
export type Results = Map<number, string>;

/** Batches in Redis: the record, and the results line by line, so that any gateway goes on where another one died. */
export class BatchStore {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {}

  async save(batch: Batch): Promise<void> {
    const list = this.keys.tenants('batches', batch.tenant);
    await this.redis
      .multi()
      .set(this.#key(batch.id), JSON.stringify(batch), 'EX', KEEP_SECONDS)
      .zadd(list, batch.createdAt, batch.id)
      .zremrangebyscore(list, '-inf', batch.createdAt - KEEP_SECONDS)
      .expire(list, KEEP_SECONDS)
      .exec();
  }

  /** It is `cancelling` from the moment that its end is asked for. */
  async find(id: string): Promise<Batch | undefined> {
    const [text, cancellingAt] = await this.redis.mget(this.#key(id), this.#cancelKey(id));
    const batch = typeof text === 'string' ? batchSchema.safeParse(parseJson(text)).data : undefined;
    if (batch === undefined || typeof cancellingAt !== 'string' || isEnded(batch)) return batch;
    return { ...batch, status: 'cancelling', cancellingAt: Number(cancellingAt) };
  }

  /** Errors: `not_found`, the same for another tenant's batch as for one that never was. */
  async own(tenant: string, id: string): Promise<Batch> {
    const batch = await this.find(id);
    if (batch !== undefined && batch.tenant === tenant) return batch;
    throw new SluiceError(
      'not_found',
      `batch: no batch ${JSON.stringify(id.slice(0, 128))}, or it is no longer kept`,
    );
  }

  /** A page of them, newest first. Errors: `invalid_request` where `after` is none of them. */
  async list(tenant: string, part: z.output<typeof batchesQuery>): Promise<Page<Batch>> {
    const ids = await this.redis.zrevrange(this.keys.tenants('batches', tenant), 0, -1);
    return pageOf(ids, part, (id) => this.find(id));
  }

  /** Asks for its end, at a Unix second of which the first counts; who runs it looks once a second. */
  async askCancel(id: string, second: number): Promise<void> {
    await this.redis.set(this.#cancelKey(id), second, 'EX', KEEP_SECONDS, 'NX');
  }

  /** Unix second at which its end was asked for; null: it was not. */
  async cancelAskedAt(id: string): Promise<number | null> {
    const second = await this.redis.get(this.#cancelKey(id));
    return second === null ? null : Number(second);
  }

  async addResult(id: string, kind: 'output' | 'error', line: number, text: string): Promise<void> {
    const key = this.#results(id, kind);
    await this.redis.multi().hset(key, line, text).expire(key, KEEP_SECONDS).exec();
  }

  async results(id: string, kind: 'output' | 'error'): Promise<Results> {
    const stored = await this.redis.hgetall(this.#results(id, kind));
    return new Map(Object.entries(stored).map(([line, text]) => [Number(line), text]));
  }

  /** The results are in files now. */
  async dropResults(id: string): Promise<void> {
    const [completed, failed] = await this.#counts(id);
    await this.redis.set(`${this.#key(id)}:counts`, `${completed} ${failed}`, 'EX', KEEP_SECONDS);
    await this.redis.del(this.#results(id, 'output'), this.#results(id, 'error'));
  }

  /** As OpenAI's API shows it. */
  async show(batch: Batch): Promise<object> {
    const [completed, failed] = await this.#counts(batch.id);
    return batchObject(batch, { completed, failed });
  }

  async #counts(id: string): Promise<[number, number]> {
    const kept = await this.redis.get(`${this.#key(id)}:counts`);
    if (kept !== null) {
      const [completed = 0, failed = 0] = kept.split(' ').map(Number);
      return [completed, failed];
    }
    return Promise.all([
      this.redis.hlen(this.#results(id, 'output')),
      this.redis.hlen(this.#results(id, 'error')),
    ]);
  }

  #key(id: string): string {
    return this.keys.tenants('batch', id);
  }

  #cancelKey(id: string): string {
    return this.keys.tenants('batch', id, 'cancel');
  }

  #results(id: string, kind: 'output' | 'error'): string {
    return this.keys.tenants('batch', id, kind);
  }
}
