import type { ApiKey } from '../contract/api-key.js';
import { SluiceError } from '../contract/errors.js';

/**
 * The level at which a key's request is served: what it asks for, or the key's highest level where it asks for more and
 * the key's policy is to clamp. @param rank of a level, 1 the most important; undefined: no pool serves it.
 * Errors: `forbidden` where the policy is to refuse.
 */
export function levelFor(
  asked: string,
  { maxLevel, beyond }: Pick<ApiKey, 'maxLevel' | 'beyond'>,
  rank: (level: string) => number | undefined,
): string {
  if (maxLevel === null) return asked;
  const [wanted, highest] = [rank(asked), rank(maxLevel)];
  if (wanted !== undefined && highest !== undefined && wanted >= highest) return asked;
  if (beyond === 'clamp' && highest !== undefined) return maxLevel;
  throw new SluiceError('forbidden', `slo_level: this key may use ${maxLevel} at most, got ${asked}`);
}
