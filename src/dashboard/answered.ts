import { SluiceError } from '../contract/errors.js';
import { inTime } from '../queues/within.js';

/** A Redis that has not answered for so long is away. */
const ANSWER_LIMIT_MS = 2_500;

/** What Redis answers, in time. Errors: `no_redis` when it takes longer than a page waits; those of the work itself. */
export function answered<T>(work: Promise<T>): Promise<T> {
  // The slow one goes on; whoever began it may look at it again.
  return inTime(work, ANSWER_LIMIT_MS, () => new SluiceError('no_redis', 'Redis does not answer'));
}
