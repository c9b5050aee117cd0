import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import type { Keys } from '../../queues/keys.js';

/** Files are kept so long. */
const KEEP_SECONDS = 7 * 86_400;

const fieldsSchema = z.object({
  tenant: z.string(),
  filename: z.string(),
  purpose: z.string(),
  bytes: z.coerce.number(),
  createdAt: z.coerce.number(),
});

/** Body of `POST /v1/files`. */
export const uploadSchema = z.object({
  purpose: z.literal('batch', 'expected batch'),
  file: z.file('expected a file').describe('Requests, one a line.'),
});

/** A file as OpenAI's API shows it. Times are Unix seconds. */
export interface FileObject {
  id: string;
  object: 'file';
  bytes: number;
  created_at: number;
  expires_at: number;
  filename: string;
  purpose: string;
  status: 'processed';
}

export interface NewFile {
  tenant: string;
  filename: string;
  purpose: 'batch' | 'batch_output';
  content: string;
}

/** Files of batches, in Redis; each is its tenant's alone. */
export class Files {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly now: () => number,
  ) {}

  async create({ tenant, filename, purpose, content }: NewFile): Promise<FileObject> {
    const id = `file-${randomUUID()}`;
    const createdAt = Math.floor(this.now() / 1000);
    const fields = { tenant, filename, purpose, bytes: Buffer.byteLength(content), createdAt };
    await this.redis
      .multi()
      .hset(this.#key(id), { ...fields, content })
      .expire(this.#key(id), KEEP_SECONDS)
      .zadd(this.#listKey(tenant), createdAt, id)
      .zremrangebyscore(this.#listKey(tenant), '-inf', createdAt - KEEP_SECONDS)
      .expire(this.#listKey(tenant), KEEP_SECONDS)
      .exec();
    return shown(id, fields);
  }

  /** Errors: `not_found`, the same for another tenant's file as for one that never was. */
  async get(tenant: string, id: string): Promise<FileObject> {
    const fields = fieldsSchema.safeParse(await this.#fields(id)).data;
    if (fields === undefined || fields.tenant !== tenant) throw notFound(id);
    return shown(id, fields);
  }

  /** Newest first. */
  async list(tenant: string): Promise<FileObject[]> {
    const ids = await this.redis.zrevrange(this.#listKey(tenant), 0, 999);
    const found = await Promise.all(ids.map((id) => this.get(tenant, id).catch(() => undefined)));
    return found.filter((file) => file !== undefined);
  }

  /** Errors: `not_found`. */
  async content(tenant: string, id: string): Promise<string> {
    await this.get(tenant, id);
    return (await this.redis.hget(this.#key(id), 'content')) ?? '';
  }

  /** Errors: `not_found`. */
  async delete(tenant: string, id: string): Promise<void> {
    await this.get(tenant, id);
    await this.redis.del(this.#key(id));
    await this.redis.zrem(this.#listKey(tenant), id);
  }

  async #fields(id: string): Promise<Record<string, string | null>> {
    const names = ['tenant', 'filename', 'purpose', 'bytes', 'createdAt'];
    const values = await this.redis.hmget(this.#key(id), ...names);
    return Object.fromEntries(names.map((name, at) => [name, values[at] ?? null]));
  }

  #key(id: string): string {
    return this.keys.tenants('file', id);
  }

  #listKey(tenant: string): string {
    return this.keys.tenants('files', tenant);
  }
}

function shown(
  id: string,
  { filename, purpose, bytes, createdAt }: z.output<typeof fieldsSchema>,
): FileObject {
  return {
    id,
    object: 'file',
    bytes,
    created_at: createdAt,
    expires_at: createdAt + KEEP_SECONDS,
    filename,
    purpose,
    status: 'processed',
  };
}

function notFound(id: string): SluiceError {
  return new SluiceError(
    'not_found',
    `file: no file ${JSON.stringify(id.slice(0, 128))}, or it is no longer kept`,
  );
}
