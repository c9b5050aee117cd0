import { generateProfile, modelFor } from './roofline/generate.js';
import { hardwareFor } from './roofline/hardware.js';
import type { Profile } from './types.js';

/** What the files of `profiles/` hold, recomputed; docs/profile.md says how to write them again. */
export function shippedProfiles(): Profile[] {
  return [
    generateProfile({
      model: modelFor('llama-3.1-8b'),
      hardware: hardwareFor('h100'),
      weights: 'fp8',
      degrees: [1, 2, 4],
      name: 'llama-3.1-8b-fp8-h100',
    }),
  ];
}
