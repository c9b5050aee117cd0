import { ttftBudget } from '../load.js';
import type { CapacityFacts, PoolPolicy, RoleModels } from '../policy.js';
import { atLeast, gpusOf, type Replicas } from '../replicas.js';
import { behindPrefill } from './halves.js';
import { LateCurve, type Prospect } from './late-curve.js';
import { type WorkerQueue, workerQueue } from './worker-queue.js';

/** Most workers that a need is counted to; the limits of a pool lie far below. */
const MOST = 4096;
/** Prefill workers beyond the fewest that are tried. */
const BESIDE = 2;

/** Predicts what becomes of a pool's requests with so many workers, from the capacity model of its engine. */
export class Prospects {
  readonly #curves = new Map<number, LateCurve>();
  readonly #queues = new Map<'prefill' | 'decode', WorkerQueue>();

  constructor(
    private readonly model: RoleModels,
    private readonly policy: PoolPolicy,
    /** Index of dispersion of arrivals, 1 or more. */
    private readonly dispersion: number,
  ) {}

  /**
   * What is late with however many workers: prompts that miss target x buffer even where none waits before them. No worker is
   * ordered for them.
   */
  get hopeless(): Prospect {
    const { disaggregated } = this.policy;
    const { stages } = this.#queue(disaggregated ? 'prefill' : 'decode');
    const { late, lateWork } = stages[0] ?? { late: 1, lateWork: 1 };
    return { late: late * (this.model.split ?? 1), lateWork };
  }

  /**
   * Late shares of these replicas, in the mean over equally likely arrival rates, requests/s. In a disaggregated pool
   * prompts queue for prefill workers, and what decode workers cannot pass at their ITL is late too.
   */
  of(replicas: Replicas, rates: readonly number[]): Prospect {
    if (this.model.split !== undefined) return this.#ofHalves(replicas, rates, this.model.split);
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
   * pool prefill workers with each half searched on its own. Where both halves have models of their own, the fewest GPUs.
   * `holds`: of a prospect, and of every one with less late.
   */
  need(rates: readonly number[], least: Replicas, holds: (prospect: Prospect) => boolean): Replicas {
    if (this.model.split !== undefined) return this.#needOfHalves(rates, least, holds, this.model.split);
    const decode = this.#fewest(least.decode, this.#guess('decode', rates), (n) =>
      this.#keeps('decode', n, rates, holds),
    );
    if (!this.policy.disaggregated) return atLeast(least, { prefill: 0, decode });
    const prefill = this.#fewest(Math.max(1, least.prefill), this.#guess('prefill', rates), (n) =>
      this.#keeps('prefill', n, rates, holds),
    );
    return atLeast(least, { prefill, decode });
  }

  /** Long prompts queue for prefill workers; all requests then have their ITL from the decode workers. */
  #ofHalves({ prefill, decode }: Replicas, rates: readonly number[], split: number): Prospect {
    let late = 0;
    let lateWork = 0;
    for (const rate of rates) {
      const queue = prefill > 0 ? this.#curve('prefill', prefill).at(rate * split) : { late: 1, lateWork: 1 };
      const behind = behindPrefill(this.model.decode, decode, rate, this.dispersion);
      late += 1 - (1 - queue.late * split) * (1 - behind);
      lateWork += 1 - (1 - queue.lateWork) * (1 - behind);
    }
    const n = Math.max(1, rates.length);
    return { late: late / n, lateWork: lateWork / n };
  }

  /**
   * What is late in either half adds up, so the fewest of each alone may not do together: a few more prefill workers are
   * tried, each with the fewest decode workers that do.
   */
  #needOfHalves(
    rates: readonly number[],
    least: Replicas,
    holds: (prospect: Prospect) => boolean,
    split: number,
  ): Replicas {
    const n = Math.max(1, rates.length);
    const alone = this.#fewest(Math.max(1, least.prefill), this.#guess('prefill', rates), (workers) => {
      const queues = rates.map((rate) => this.#curve('prefill', workers).at(rate * split));
      const late = queues.reduce((sum, queue) => sum + queue.late * split, 0) / n;
      return holds({ late, lateWork: queues.reduce((sum, queue) => sum + queue.lateWork, 0) / n });
    });
    let best: Replicas | null = null;
    for (let prefill = alone; prefill <= Math.min(MOST, alone + BESIDE); prefill++) {
      const decode = this.#fewest(Math.max(1, least.decode), this.#guess('decode', rates), (workers) =>
        holds(this.#ofHalves({ prefill, decode: workers }, rates, split)),
      );
      const found = { prefill, decode };
      const cheaper = best === null || gpusOf(found, this.policy) < gpusOf(best, this.policy);
      if (cheaper && (best === null || decode < MOST)) best = found;
    }
    return atLeast(least, best ?? { prefill: alone, decode: MOST });
  }

  /**
   * Whether so many workers of one role hold. Most is late at the highest rates, which come last: where they alone make too
   * much late, the others are not asked for.
   */
  #keeps(
    role: 'prefill' | 'decode',
    workers: number,
    rates: readonly number[],
    holds: (prospect: Prospect) => boolean,
  ): boolean {
    for (let from = rates.length - 1; from > 0; from--)
      if (!holds(this.#alone(role, workers, rates, from))) return false;
    return holds(this.#alone(role, workers, rates, 0));
  }

  /** In the mean over all rates, counting what is late at those from `from` on. */
  #alone(role: 'prefill' | 'decode', workers: number, rates: readonly number[], from: number): Prospect {
    let late = 0;
    let lateWork = 0;
    const split = this.policy.disaggregated && role === 'decode';
    for (let k = from; k < rates.length; k++) {
      const rate = rates[k] ?? 0;
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
    const curve = new LateCurve(this.#queue(role), workers, this.dispersion);
    this.#curves.set(key, curve);
    return curve;
  }

  #queue(role: 'prefill' | 'decode'): WorkerQueue {
    const queue = this.#queues.get(role) ?? workerQueue(this.model[role], ttftBudget(this.policy));
    this.#queues.set(role, queue);
    return queue;
  }
}

/** The newest of each capacity model: looks share it until a window ends, since what it once computed is the same again. */
const newest = new WeakMap<RoleModels, { policy: PoolPolicy; dispersion: number; prospects: Prospects }>();

/** Null where the engine has no capacity model. The policy is not changed afterwards. */
export function prospectsOf(
  { model }: CapacityFacts,
  policy: PoolPolicy,
  measured: number | null,
): Prospects | null {
  if (model === null) return null;
  const dispersion = Math.max(1, measured ?? 1);
  const known = newest.get(model);
  if (known !== undefined && known.policy === policy && known.dispersion === dispersion)
    return known.prospects;
  const prospects = new Prospects(model, policy, dispersion);
  newest.set(model, { policy, dispersion, prospects });
  return prospects;
}
