import type { WorkerModel } from '../../profile/worker-model.js';
import { queueAnswer } from './diffusion.js';

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
  readonly #late: Float64Array;
  readonly #work: Float64Array;
  readonly #capacity: number;
  #known = 0;

  constructor(
    private readonly model: WorkerModel,
    private readonly workers: number,
    private readonly dispersion: number,
    private readonly aimSeconds: number,
  ) {
    this.#capacity = model.rps * workers;
    this.#late = new Float64Array(LOADS.length);
    this.#work = new Float64Array(LOADS.length);
  }

  /** `rate`: requests/s. */
  at(rate: number): Prospect {
    if (rate <= 0) return { late: 0, lateWork: 0 };
    if (!(this.#capacity > 0)) return { late: 1, lateWork: 1 };
    const load = rate / this.#capacity;
    const last = LOADS.length - 1;
    const top = LOADS[last] ?? 2;
    if (load >= top) {
      this.#compute(last);
      const share = top / load;
      return {
        late: 1 - share * (1 - (this.#late[last] ?? 1)),
        lateWork: 1 - share * (1 - (this.#work[last] ?? 1)),
      };
    }
    let k = 0;
    while (k < last && (LOADS[k + 1] ?? 2) < load) k++;
    const from = LOADS[k] ?? 0;
    const to = LOADS[k + 1] ?? 2;
    const share = Math.max(0, (load - from) / (to - from));
    this.#compute(k);
    if (share > 0) this.#compute(k + 1);
    const between = (values: Float64Array) =>
      (values[k] ?? 0) + share * ((values[k + 1] ?? 0) - (values[k] ?? 0));
    return { late: between(this.#late), lateWork: between(this.#work) };
  }

  #compute(k: number): void {
    const bit = 1 << k;
    if ((this.#known & bit) !== 0) return;
    this.#known |= bit;
    const { model, workers, dispersion, aimSeconds } = this;
    const rate = (LOADS[k] ?? 1) * this.#capacity;
    const answer = queueAnswer({ model, workers, rate, dispersion, aimSeconds });
    this.#late[k] = answer.late;
    this.#work[k] = answer.lateWork;
  }
}
