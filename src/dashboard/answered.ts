import { SluiceError } from '../contract/errors.js';

/** A Redis that has not answered for so long is away. */
const ANSWER_LIMIT_MS = 2_500;

/** What Redis answers, in time. Errors: `no_redis` when it takes longer than a page waits; those of the work itself. */
export async function answered<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SluiceError('no_redis', 'Redis does not answer')), ANSWER_LIMIT_MS);
  });
  // The slow one goes on; whoever began it may look at it again.
  work.catch(() => undefined);
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
