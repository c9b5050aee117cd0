import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import type { Keys } from '../../queues/keys.js';
import { type filesQuery, type Page, pageOf } from './paging.js';

/** Files are kept so long, unless they are to go sooner. */
const KEEP_SECONDS = 7 * 86_400;

const fieldsSchema = z.object({
  tenant: z.string(),
  filename: z.string(),
  purpose: z.string(),
  bytes: z.coerce.number(),
  createdAt: z.coerce.number(),
  /** Absent: it is kept as long as files are. */
  expiresAt: z.coerce.number().optional(),
});

const SECONDS = `expected a whole number of seconds from 3600 to ${KEEP_SECONDS}`;

/** Body of `POST /v1/files`; a form has names with brackets for what is within an object. */
export const uploadSchema = z.object({
  purpose: z.literal('batch', 'expected batch'),
  file: z.file('expected a file').describe('Requests, one a line.'),
  'expires_after[anchor]': z.literal('created_at', 'expected created_at').optional(),
  'expires_after[seconds]': z.coerce
    .number(SECONDS)
    .int(SECONDS)
    .min(3600, SECONDS)
    .max(KEEP_SECONDS, SECONDS)
    .optional()
    .describe('It is kept so long.'),
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
  /** Seconds that it is kept; absent: as long as files are. */
  keepSeconds?: number | undefined;
}

/** Files of batches, in Redis; each is its tenant's alone. */
export class Files {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly now: () => number,
  ) {}

  async create({
    tenant,
    filename,
    purpose,
    content,
    keepSeconds = KEEP_SECONDS,
  }: NewFile): Promise<FileObject> {
    const id = `file-${randomUUID()}`;
    const createdAt = Math.floor(this.now() / 1000);
    const bytes = Buffer.byteLength(content);
    const fields = { tenant, filename, purpose, bytes, createdAt, expiresAt: createdAt + keepSeconds };
    await this.redis
      .multi()
      .hset(this.#key(id), { ...fields, content })
      .expire(this.#key(id), keepSeconds)
      .zadd(this.#listKey(tenant), createdAt, id)
      .zremrangebyscore(this.#listKey(tenant), '-inf', createdAt - KEEP_SECONDS)
      .expire(this.#listKey(tenant), KEEP_SECONDS)
      .exec();
    return shown(id, fields);
  }

  /** Errors: `not_found`, the same for another tenant's file as for one that never was. */
  async get(tenant: string, id: string): Promise<FileObject> {
    const file = await this.#find(tenant, id);
    if (file === undefined) throw notFound(id);
    return file;
  }

  /** A page of them. Errors: `invalid_request` where `after` is none of them. */
  async list(
    tenant: string,
    { order, purpose, ...part }: z.output<typeof filesQuery>,
  ): Promise<Page<FileObject>> {
    const ids = await this.redis.zrevrange(this.#listKey(tenant), 0, -1);
    return pageOf(order === 'asc' ? ids.reverse() : ids, part, async (id) => {
      const file = await this.#find(tenant, id);
      return purpose === undefined || file?.purpose === purpose ? file : undefined;
    });
  }

  /** Errors: `not_found`. */
  async content(tenant: string, id: string): Promise<string> {
    await this.get(tenant, id);
    return (await this.redis.hget(this.#key(id), 'content')) ?? '';
  }

  /** Keeps a file that is needed until then, Unix seconds, where it would go sooner. Errors: `not_found`. */
  async keepUntil(tenant: string, id: string, second: number): Promise<void> {
    const { expires_at: until } = await this.get(tenant, id);
    if (until >= second) return;
    await this.redis
      .multi()
      .hset(this.#key(id), { expiresAt: second })
      .expireat(this.#key(id), second)
      .exec();
  }

  /** Its id stays in the list for who pages through that. Errors: `not_found`. */
  async delete(tenant: string, id: string): Promise<void> {
    await this.get(tenant, id);
    await this.redis.del(this.#key(id));
  }

  /** undefined: there is none, or it is another tenant's. */
  async #find(tenant: string, id: string): Promise<FileObject | undefined> {
    const names = Object.keys(fieldsSchema.shape);
    const values = await this.redis.hmget(this.#key(id), ...names);
    const stored = Object.fromEntries(names.map((name, at) => [name, values[at] ?? undefined]));
    const fields = fieldsSchema.safeParse(stored).data;
    return fields === undefined || fields.tenant !== tenant ? undefined : shown(id, fields);
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
  { filename, purpose, bytes, createdAt, expiresAt }: z.output<typeof fieldsSchema>,
): FileObject {
  return {
    id,
    object: 'file',
    bytes,
    created_at: createdAt,
    expires_at: expiresAt ?? createdAt + KEEP_SECONDS,
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
