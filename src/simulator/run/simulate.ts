import { SluiceError } from '../../contract/errors.js';
import type { SimulateOptions } from './options.js';
import type { SimResult } from './result.js';
import { SimSystem } from './system.js';

/**
 * Simulates a whole system in virtual time: the live machines, decisions, queue order, ledger and engine core under a
 * clock that jumps from event to event. The same options give the same result. docs/simulator.md.
 * Errors: `invalid_config` where the engines do not fit, `unknown_level` for a request whose level no pool serves,
 * `internal` when an invariant breaks.
 */
export function simulate(options: SimulateOptions): SimResult {
  const { durationSeconds } = options;
  if (durationSeconds !== undefined && !(durationSeconds > 0))
    throw new SluiceError('invalid_request', `expected a duration above 0 s, got ${durationSeconds}`);
  if (durationSeconds !== undefined && durationSeconds <= (options.warmUpSeconds ?? 0))
    throw new SluiceError(
      'invalid_request',
      `expected a duration beyond the ${options.warmUpSeconds} s that are not counted, got ${durationSeconds} s`,
    );
  return new SimSystem(options).run();
}
