import { chunkSeconds } from '../../profile/law.js';
import type { StepLaw } from '../../profile/types.js';
import { sequencesWithinItl } from '../../profile/worker-model.js';
import type { SimOptions, SimRequest } from './types.js';

/** Weight of a new request in the running means. */
const MEAN_WEIGHT = 0.01;

/** Running means of accepted requests, and what they allow. */
export class SeenLengths {
  /** Tokens, and what a prompt adds to its steps, seconds. */
  #mean: { isl: number; osl: number; prompt: number } | null = null;

  constructor(
    private readonly law: StepLaw,
    private readonly options: Pick<SimOptions, 'maxSequences' | 'itlSeconds'>,
  ) {}

  add({ isl, maxTokens, phase }: SimRequest): void {
    // A prompt that was computed elsewhere adds nothing to the steps here.
    const prompt = phase === 'decode' ? 0 : chunkSeconds(this.law, 0, isl);
    this.#mean ??= { isl, osl: maxTokens, prompt };
    this.#mean.isl += MEAN_WEIGHT * (isl - this.#mean.isl);
    this.#mean.osl += MEAN_WEIGHT * (maxTokens - this.#mean.osl);
    this.#mean.prompt += MEAN_WEIGHT * (prompt - this.#mean.prompt);
  }

  /** Sequences that may run at once: the engine's most, and with which a mean step lasts as long as the ITL allows. */
  sequences(): number {
    const { maxSequences, itlSeconds } = this.options;
    if (itlSeconds === undefined || this.#mean === null) return maxSequences;
    const { isl, osl, prompt } = this.#mean;
    const most = sequencesWithinItl(this.law, itlSeconds, isl, osl, prompt);
    return Math.max(1, Math.min(maxSequences, Math.floor(most)));
  }
}
