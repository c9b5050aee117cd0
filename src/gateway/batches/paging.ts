import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';

const MOST_FILES = 10_000;
const MOST_BATCHES = 100;
/** Objects that are read from Redis at once. */
const AT_ONCE = 500;

const limit = (most: number, usual: number) =>
  z.coerce.number(`expected 1 to ${most}`).int().min(1).max(most).default(usual);
const after = z.string('expected one id').max(128).optional();

/** Query of `GET /v1/files`, as OpenAI has it. */
export const filesQuery = z.object({
  limit: limit(MOST_FILES, MOST_FILES),
  after,
  order: z.enum(['asc', 'desc'], 'expected asc or desc').default('desc'),
  purpose: z.string('expected one purpose').max(64).optional(),
});

/** Query of `GET /v1/batches`, as OpenAI has it. */
export const batchesQuery = z.object({ limit: limit(MOST_BATCHES, 20), after });

/** What the document says of these. */
export const PAGING = {
  limit: 'Most that come.',
  after: 'The id that the page before ended with (last_id).',
};

/** Part of a list, as OpenAI's clients page through it. */
export interface Page<T> {
  object: 'list';
  data: T[];
  first_id: string | null;
  last_id: string | null;
  /** There is more after `last_id`. */
  has_more: boolean;
}

/**
 * The page of a list behind `after`, `limit` long at most.
 * @param ids of the whole list, in order @param read undefined: there is none of this id (any more), or it is not asked for.
 * Errors: `invalid_request` where `after` is not in the list.
 */
export async function pageOf<T extends { id: string }>(
  ids: readonly string[],
  { limit: most, after: last }: { limit: number; after?: string | undefined },
  read: (id: string) => Promise<T | undefined>,
): Promise<Page<T>> {
  const found: T[] = [];
  let at = last === undefined ? 0 : ids.indexOf(last) + 1;
  if (last !== undefined && at === 0) {
    throw new SluiceError(
      'invalid_request',
      `after: expected an id of this list, got ${JSON.stringify(last)}`,
    );
  }
  for (; at < ids.length && found.length <= most; at += AT_ONCE) {
    const some = await Promise.all(ids.slice(at, at + AT_ONCE).map(read));
    found.push(...some.filter((each) => each !== undefined));
  }
  const data = found.slice(0, most);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: found.length > most,
  };
}
