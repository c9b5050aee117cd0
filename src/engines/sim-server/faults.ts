import { z } from 'zod';

const share = z.number().min(0).max(1);

/** What the server does wrong on purpose. Shares are of requests, 0..1. */
export const faultsSchema = z.strictObject({
  /** Answered with HTTP 500 at once. */
  errorRate: share.default(0),
  /** Accepted, and never answered. */
  hangRate: share.default(0),
  /** Streams whose connection is cut after some of their tokens. */
  cutRate: share.default(0),
  /** Everything takes so many times as long. */
  slow: z.number().min(0.01).max(1000).default(1),
  /** `/health` answers 503, though requests are served. */
  unhealthy: z.boolean().default(false),
});
export type Faults = z.output<typeof faultsSchema>;
export const NO_FAULTS: Faults = faultsSchema.parse({});

export type Fate = 'serve' | 'error' | 'hang' | 'cut';

/** Decides what becomes of each request; the same seed, the same fates in the same order. */
export class FaultDice {
  #state: number;

  constructor(
    public faults: Faults,
    seed: number,
  ) {
    this.#state = seed >>> 0;
  }

  fate(): Fate {
    const { errorRate, hangRate, cutRate } = this.faults;
    const thrown = this.roll();
    if (thrown < errorRate) return 'error';
    if (thrown < errorRate + hangRate) return 'hang';
    return thrown < errorRate + hangRate + cutRate ? 'cut' : 'serve';
  }

  /** 0..1, 1 excluded (mulberry32). */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

/** A clock that runs slower than `system` by a factor that may change, without a jump. Unix ms. */
export class SlowClock {
  #factor = 1;
  #sinceReal: number;
  #sinceSlow: number;

  constructor(private readonly system: () => number) {
    this.#sinceReal = system();
    this.#sinceSlow = this.#sinceReal;
  }

  readonly now = (): number => this.#sinceSlow + (this.system() - this.#sinceReal) / this.#factor;

  setFactor(factor: number): void {
    this.#sinceSlow = this.now();
    this.#sinceReal = this.system();
    this.#factor = factor;
  }
}
