import type { PoolConfig } from '../../config/types.js';
import type { PoolObservation } from '../../contract/observation.js';
import { scaleFacts } from '../../planning/correction.js';
import { isSlowDue } from '../../planning/horizon.js';
import { LoadWatch, type LoadWatchState, type RequestMix } from '../../planning/load-watch.js';
import type { PlannerMemory } from '../../planning/memory.js';
import type { Outlook } from '../../planning/outlook.js';
import type { CapacityFacts, PoolPolicy } from '../../planning/policy.js';
import type { Profile } from '../../profile/types.js';
import { capacityFacts, configuredColdStart } from './facts.js';

/** Lengths of a pool that has seen none: the expected ones. */
const UNSEEN = 'unseen';

/** What a planner knows besides the observation of now and its memory of orders: live and simulated planners alike. */
export class PlannerMind {
  readonly #watch: LoadWatch;
  /** Facts of the lengths of requests that were last seen: they change once in a window. */
  #facts: CapacityFacts | null = null;
  #factsOf: RequestMix | typeof UNSEEN | null = null;
  /** The facts, corrected by what was measured. */
  #scaled: CapacityFacts | null = null;
  #scaledFrom: CapacityFacts | null = null;
  #factor = 1;

  /**
   * `profile`: that of the pool's engine, null for an engine without one. `state`: what `save` gave before, unchecked.
   * @throws SluiceError invalid_config where the profile has no law for the policy's tensor parallelism.
   */
  constructor(
    private readonly pool: PoolConfig,
    private readonly policy: PoolPolicy,
    private readonly profile: Profile | null,
    state: unknown = null,
  ) {
    this.#watch = new LoadWatch(policy, configuredColdStart(pool), state);
    const { mix } = this.#watch;
    const facts = capacityFacts(pool, policy.tp, profile, null, mix);
    if (mix === null) return;
    // As before the pause: the first look may end a window, which is judged by what the profile said of those lengths.
    this.#facts = facts;
    this.#factsOf = mix;
  }

  /** Learns from an observation and gives what a decision at `now` (Unix ms) rests on; the forecast when it is due. */
  look(
    observation: PoolObservation | null,
    memory: PlannerMemory,
    now: number,
  ): { facts: CapacityFacts; outlook: Outlook | null } {
    const { pool, policy, profile } = this;
    if (observation !== null) this.#watch.observe(observation, predictedOf(this.#facts, observation));
    const { mix } = this.#watch;
    const lengths = mix ?? (unseen(observation) ? UNSEEN : null);
    const facts =
      this.#facts !== null && lengths !== null && lengths === this.#factsOf
        ? this.#facts
        : capacityFacts(pool, policy.tp, profile, observation?.load ?? null, mix);
    this.#facts = facts;
    this.#factsOf = lengths;
    const { correction } = this.#watch;
    if (correction !== this.#factor || facts !== this.#scaledFrom) {
      this.#factor = correction;
      this.#scaledFrom = facts;
      this.#scaled = scaleFacts(facts, correction);
    }
    const coldStartSeconds = observation?.coldStartSeconds ?? facts.coldStartSeconds;
    const due = observation !== null && isSlowDue(memory, policy, now);
    return { facts: this.#scaled ?? facts, outlook: this.#watch.outlook(coldStartSeconds, due) };
  }

  save(): LoadWatchState {
    return this.#watch.save();
  }
}

function unseen(observation: PoolObservation | null): boolean {
  if (observation === null) return true;
  const { isl, osl, prompts } = observation.load;
  return isl === null && osl === null && prompts === null;
}

/**
 * What the profile says of one worker; 0 requests/s: nothing. In a pool that chooses its form what decode workers pass
 * behind prefill workers is theirs, and tells nothing of a worker that serves whole requests.
 */
function predictedOf(facts: CapacityFacts | null, seen: PoolObservation): { rps: number; isl: number } {
  const decode = facts?.model?.decode;
  const behind = facts?.halves !== undefined && seen.workers.prefill.ready > 0;
  if (decode === undefined || behind) return { rps: 0, isl: 1 };
  const isl = decode.classes.reduce((sum, { share, tokens }) => sum + share * tokens, 0);
  return { rps: decode.rps, isl: Math.max(1, isl) };
}
