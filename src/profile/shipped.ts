import { H100_SXM, LLAMA_31_8B, rooflineProfile, VLLM_EFFICIENCY } from './roofline.js';
import type { Profile } from './types.js';

/** What the files of `profiles/` hold, recomputed; docs/profile.md says how to write them again. */
export function shippedProfiles(): Profile[] {
  return [rooflineProfile('llama-3.1-8b-fp8-h100', H100_SXM, LLAMA_31_8B, VLLM_EFFICIENCY, [1, 2, 4])];
}
