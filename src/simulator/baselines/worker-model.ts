import type { PoolObservation } from '../../contract/observation.js';
import { kvCapacityTokens, type WorkerCapacity, workerAtLoad } from '../../profile/capacity.js';
import type { ScalerInput } from '../run/scaler.js';
import { engineKvUsage, type Lengths, lengths } from './metrics.js';

/**
 * What an operator knows of one worker from a load test, as the policies' targets are set from it: the most that it
 * sustains with mean TTFT and ITL just within the level's targets, and what it holds at a share of that load, for the
 * lengths of recent requests.
 */
export class WorkerModel {
  readonly kvTokens: number;
  readonly #known = new Map<number, WorkerCapacity>();
  #knownFor: Lengths = { isl: 0, osl: 0 };

  constructor(private readonly input: ScalerInput) {
    const { profile, policy, pool } = input;
    this.kvTokens = kvCapacityTokens(profile, policy.tp.decode, pool.gpuMemoryUtilization);
  }

  lengths(seen: PoolObservation): Lengths {
    return lengths(seen, this.input.pool.expected);
  }

  /** An aggregated or decode worker at `load` (0..1) of the rate that it sustains. */
  at(of: Lengths, load: number): WorkerCapacity {
    if (this.#knownFor.isl !== of.isl || this.#knownFor.osl !== of.osl) this.#known.clear();
    this.#knownFor = of;
    const known = this.#known.get(load) ?? this.#sustained(of, load);
    this.#known.set(load, known);
    return known;
  }

  /** Requests inside a worker at `load`. */
  concurrencyAt(seen: PoolObservation, load: number): number {
    return this.at(this.lengths(seen), load).concurrency;
  }

  /** KV usage at `load`, 0..1: the sequences that decode, by Little's law, with their prompts and half of their answers. */
  kvUsageAt(seen: PoolObservation, load: number): number {
    const { isl, osl } = this.lengths(seen);
    const { rps, itlSeconds } = this.at({ isl, osl }, load);
    if (this.kvTokens === 0) return 0;
    return Math.min(1, (rps * (osl - 1) * itlSeconds * (isl + osl / 2)) / this.kvTokens);
  }

  /** Mean KV usage of the ready workers, 0..1; null: unknown. */
  kvUsage(seen: PoolObservation): number | null {
    return engineKvUsage(seen, this.lengths(seen), this.kvTokens);
  }

  #sustained(of: Lengths, load: number): WorkerCapacity {
    const { pool, profile, policy } = this.input;
    const { engine, targets, gpuMemoryUtilization } = pool;
    const { maxSequences, maxBatchedTokens } =
      engine.kind === 'sim' ? engine : { maxSequences: 1, maxBatchedTokens: 1 };
    const target = { ...of, ...targets, gpuMemoryUtilization, maxSequences, maxBatchedTokens };
    return workerAtLoad(profile, policy.tp.decode, target, load);
  }
}
