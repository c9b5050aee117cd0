import type { PoolObservation } from '../../contract/observation.js';
import { kvCapacityTokens, type WorkerCapacity, workerCapacity } from '../../profile/capacity.js';
import type { ScalerInput } from '../run/scaler.js';
import { type Lengths, lengths } from './metrics.js';

/**
 * What an operator knows of one worker from a load test, as the policies' targets are set from it: the most that it
 * sustains with mean TTFT and ITL just within the level's targets, for the lengths of recent requests.
 */
export class WorkerModel {
  readonly kvTokens: number;
  #known: { lengths: Lengths; capacity: WorkerCapacity } | null = null;

  /** `targetShare`: how much of the targets may be used up. */
  constructor(
    private readonly input: ScalerInput,
    private readonly targetShare = 1,
  ) {
    const { profile, policy, pool } = input;
    this.kvTokens = kvCapacityTokens(profile, policy.tp.decode, pool.gpuMemoryUtilization);
  }

  lengths(seen: PoolObservation): Lengths {
    return lengths(seen, this.input.pool.expected);
  }

  /** Of an aggregated or decode worker, for the lengths of recent requests. */
  capacity(seen: PoolObservation): WorkerCapacity {
    return this.capacityFor(this.lengths(seen));
  }

  capacityFor(of: Lengths): WorkerCapacity {
    if (this.#known?.lengths.isl !== of.isl || this.#known.lengths.osl !== of.osl)
      this.#known = { lengths: of, capacity: this.#sustained(of) };
    return this.#known.capacity;
  }

  /** KV usage at that capacity, 0..1: its decoding sequences, by Little's law, with prompt and half the answer. */
  kvUsageAtCapacity(seen: PoolObservation): number {
    const { isl, osl } = this.lengths(seen);
    const { rps, itlSeconds } = this.capacity(seen);
    if (this.kvTokens === 0) return 0;
    return Math.min(1, (rps * (osl - 1) * itlSeconds * (isl + osl / 2)) / this.kvTokens);
  }

  #sustained(of: Lengths): WorkerCapacity {
    const { pool, profile, policy } = this.input;
    const { engine, targets, gpuMemoryUtilization } = pool;
    const { maxSequences, maxBatchedTokens } =
      engine.kind === 'sim' ? engine : { maxSequences: 1, maxBatchedTokens: 1 };
    return workerCapacity(profile, policy.tp.decode, {
      ...of,
      ttftSeconds: targets.ttftSeconds * this.targetShare,
      itlSeconds: targets.itlSeconds * this.targetShare,
      gpuMemoryUtilization,
      maxSequences,
      maxBatchedTokens,
    });
  }
}
