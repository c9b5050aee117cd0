import type { BaselinePolicy } from './policy.js';
import { staticFull } from './static.js';

/** Every policy that Sluice is compared with, in the order of a report. Names are unique. */
export const BASELINES: readonly BaselinePolicy[] = [staticFull];
