import { type QueueAnswer, queueAnswer } from './diffusion.js';
import { heldUp } from './held-up.js';
import type { WorkerQueue } from './worker-queue.js';

/** Loads (arrival rate over capacity) at which the curve is computed; between them it is taken as straight. */
const LOADS = [0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.35, 1.6, 2];

/** What a number of workers comes to at a load. */
export interface Prospect {
  /** 0..1 of requests predicted to miss target x buffer, and of the prompt work. */
  late: number;
  lateWork: number;
}

/**
 * Share of late requests of so many workers by arrival rate: the diffusion of `queueAnswer` at a few loads. Beyond the last, what
 * the workers cannot do comes on top: of the rest at twice their capacity, the same share is late.
 */
export class LateCurve {
  readonly #capacity: number;
  /** By load; null: not asked for yet. */
  readonly #answers: (QueueAnswer | null)[] = LOADS.map(() => null);

  constructor(
    private readonly queue: WorkerQueue,
    private readonly workers: number,
    private readonly dispersion: number,
  ) {
    this.#capacity = queue.rps * workers;
  }

  /** `rate`: requests/s. */
  at(rate: number): Prospect {
    const { late, lateWork } = this.#queued(rate);
    const held = heldUp(this.queue, this.workers, rate);
    return held === 0
      ? { late, lateWork }
      : { late: late + held * (1 - late), lateWork: lateWork + held * (1 - lateWork) };
  }

  #queued(rate: number): Prospect {
    if (rate <= 0) return { late: 0, lateWork: 0 };
    if (!(this.#capacity > 0)) return { late: 1, lateWork: 1 };
    const load = rate / this.#capacity;
    const last = LOADS.length - 1;
    const top = LOADS[last] ?? 2;
    if (load >= top) {
      const { late, lateWork } = this.#answer(last);
      const share = top / load;
      return { late: 1 - share * (1 - late), lateWork: 1 - share * (1 - lateWork) };
    }
    let k = 0;
    while (k < last && (LOADS[k + 1] ?? 2) < load) k++;
    const from = LOADS[k] ?? 0;
    const to = LOADS[k + 1] ?? 2;
    const share = Math.max(0, (load - from) / (to - from));
    const below = this.#answer(k);
    if (share === 0) return below;
    const above = this.#answer(k + 1);
    return {
      late: below.late + share * (above.late - below.late),
      lateWork: below.lateWork + share * (above.lateWork - below.lateWork),
    };
  }

  #answer(k: number): QueueAnswer {
    const known = this.#answers[k] ?? null;
    if (known !== null) return known;
    const { queue, workers, dispersion } = this;
    const rate = (LOADS[k] ?? 1) * this.#capacity;
    const answer = queueAnswer({ queue, workers, rate, dispersion });
    this.#answers[k] = answer;
    return answer;
  }
}
