import type { Aggressiveness } from '../config/types.js';
import { unreachable } from '../contract/errors.js';

/** Sightings in a row of one need before it is acted upon. */
export function sightingsNeeded(aggressiveness: Aggressiveness): number {
  switch (aggressiveness) {
    case 'aggressive':
      return 1;
    case 'balanced':
      return 2;
    case 'conservative':
      return 3;
    default:
      return unreachable(aggressiveness);
  }
}

/** How far one order goes from `have` towards `need` (> have): all of it, half of it rounded up, or one worker. */
export function stepTowards(have: number, need: number, aggressiveness: Aggressiveness): number {
  switch (aggressiveness) {
    case 'aggressive':
      return need;
    case 'balanced':
      return have + Math.ceil((need - have) / 2);
    case 'conservative':
      return have + 1;
    default:
      return unreachable(aggressiveness);
  }
}
