import type { WorkerModel } from '../../profile/worker-model.js';
import { ttftBudget } from '../load.js';
import type { CapacityFacts, PoolPolicy } from '../policy.js';
import { atLeast, type Replicas } from '../replicas.js';
import { LateCurve, type Prospect } from './late-curve.js';

/** Most workers that a need is counted to; the limits of a pool lie far below. */
const MOST = 4096;

/** Predicts what becomes of a pool's requests with so many workers, from the capacity model of its engine. */
export class Prospects {
  readonly #curves = new Map<number, LateCurve>();
  readonly #aimSeconds: number;

  constructor(
    private readonly model: { prefill: WorkerModel; decode: WorkerModel },
    private readonly policy: PoolPolicy,
    /** Index of dispersion of arrivals, 1 or more. */
    private readonly dispersion: number,
  ) {
    this.#aimSeconds = ttftBudget(policy);
  }

  /**
   * Late shares of these replicas, in the mean over equally likely arrival rates, requests/s. In a disaggregated pool
   * prompts queue for prefill workers, and what decode workers cannot pass at their ITL is late too.
   */
  of(replicas: Replicas, rates: readonly number[]): Prospect {
    const { disaggregated } = this.policy;
    let late = 0;
    let lateWork = 0;
    for (const rate of rates) {
      const queue =
        disaggregated && replicas.prefill > 0
          ? this.#curve('prefill', replicas.prefill).at(rate)
          : this.#curve('decode', replicas.decode).at(rate);
      const passes =
        disaggregated && replicas.prefill > 0
          ? Math.min(1, (replicas.decode * this.model.decode.rps) / Math.max(rate, 1e-9))
          : 1;
      late += 1 - (1 - queue.late) * passes;
      lateWork += 1 - (1 - queue.lateWork) * passes;
    }
    const n = Math.max(1, rates.length);
    return { late: late / n, lateWork: lateWork / n };
  }

  /**
   * The fewest replicas with which `holds`, never below `least`: decode (or aggregated) workers, and in a disaggregated
   * pool prefill workers with each half searched on its own.
   */
  need(rates: readonly number[], least: Replicas, holds: (prospect: Prospect) => boolean): Replicas {
    const decode = this.#fewest(least.decode, this.#guess('decode', rates), (n) =>
      holds(this.#alone('decode', n, rates)),
    );
    if (!this.policy.disaggregated) return atLeast(least, { prefill: 0, decode });
    const prefill = this.#fewest(Math.max(1, least.prefill), this.#guess('prefill', rates), (n) =>
      holds(this.#alone('prefill', n, rates)),
    );
    return atLeast(least, { prefill, decode });
  }

  #alone(role: 'prefill' | 'decode', workers: number, rates: readonly number[]): Prospect {
    let late = 0;
    let lateWork = 0;
    const split = this.policy.disaggregated && role === 'decode';
    for (const rate of rates) {
      const short = 1 - Math.min(1, (workers * this.model.decode.rps) / Math.max(rate, 1e-9));
      const prospect = split ? { late: short, lateWork: short } : this.#curve(role, workers).at(rate);
      late += prospect.late;
      lateWork += prospect.lateWork;
    }
    const n = Math.max(1, rates.length);
    return { late: late / n, lateWork: lateWork / n };
  }

  /** Workers whose capacity is the mean rate. */
  #guess(role: 'prefill' | 'decode', rates: readonly number[]): number {
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / Math.max(1, rates.length);
    return Math.ceil(mean / Math.max(this.model[role].rps, 1e-9));
  }

  /**
   * Late shares only fall with more workers, so growing steps from a first guess, and bisection, find the fewest; MOST
   * where even those do not hold.
   */
  #fewest(least: number, guess: number, holds: (workers: number) => boolean): number {
    if (least > 0 && holds(least)) return least;
    let low = Math.max(0, least);
    let high = Math.min(MOST, Math.max(low + 1, guess));
    let step = Math.max(1, high >> 6);
    if (holds(high)) {
      for (let probe = high - step; probe > low; probe -= step) {
        if (!holds(probe)) {
          low = probe;
          break;
        }
        high = probe;
        step *= 2;
      }
    } else {
      do {
        low = high;
        high = Math.min(MOST, low + step);
        step *= 2;
      } while (high < MOST && !holds(high));
    }
    while (high - low > 1) {
      const mid = (low + high) >> 1;
      if (holds(mid)) high = mid;
      else low = mid;
    }
    return high;
  }

  #curve(role: 'prefill' | 'decode', workers: number): LateCurve {
    const key = role === 'prefill' ? -workers : workers;
    const known = this.#curves.get(key);
    if (known !== undefined) return known;
    const curve = new LateCurve(this.model[role], workers, this.dispersion, this.#aimSeconds);
    this.#curves.set(key, curve);
    return curve;
  }
}

/** Null where the engine has no capacity model. */
export function prospectsOf(
  facts: CapacityFacts,
  policy: PoolPolicy,
  dispersion: number | null,
): Prospects | null {
  return facts.model === null ? null : new Prospects(facts.model, policy, Math.max(1, dispersion ?? 1));
}
