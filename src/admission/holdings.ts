import { LATELY_MS } from './reserve.js';

/** The mean of what a tenant holds is taken over about so long, ms, by a look at most so often. */
const USUAL_MS = 10_000;
const LOOK_MS = 50;
/** Of what a tenant holds when it is first looked at: as good as none beside any time after that. */
const FIRST_WEIGHT = 1e-9;

interface Holding {
  /** When its last request was taken or heard of, and when one of it was refused, Unix ms. */
  cameAtMs: number;
  refusedAtMs: number;
  /** Requests that it holds now. */
  held: number;
  /** Exponential sums of what it held and of time: their ratio is the mean since it came, if that was lately. */
  sum: number;
  weight: number;
}

/** What each tenant that came lately holds of one worker's places. */
export class Holdings {
  readonly #tenants = new Map<string, Holding>();
  #over: string[] = [];
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** Tenants that hold more than an equal part of the places: whatever waited when they came, they keep others from them. */
  get over(): readonly string[] {
    return this.#over;
  }

  /** No tenant came lately. */
  get isEmpty(): boolean {
    return this.#tenants.size === 0;
  }

  /** A request of a tenant was taken, or heard of. @param nowMs Unix ms @param refused there was no place for it */
  came(tenant: string, nowMs: number, refused = false): void {
    let known = this.#tenants.get(tenant);
    if (known === undefined) {
      known = { cameAtMs: nowMs, refusedAtMs: Number.NEGATIVE_INFINITY, held: 0, sum: 0, weight: 0 };
      this.#tenants.set(tenant, known);
    }
    known.cameAtMs = nowMs;
    if (refused) known.refusedAtMs = nowMs;
  }

  /** @param held requests of each tenant @param places that the worker has in all @param nowMs Unix ms */
  update(held: ReadonlyMap<string, number>, places: number, nowMs: number): void {
    const passed = nowMs - this.#lookedAtMs;
    const looks = passed >= LOOK_MS;
    if (looks) this.#lookedAtMs = nowMs;
    const old = Math.exp(-passed / USUAL_MS);
    for (const [tenant, holding] of this.#tenants) {
      if (looks && holding.weight > 0) {
        holding.sum = old * holding.sum + (1 - old) * holding.held;
        holding.weight = old * holding.weight + (1 - old);
      } else if (looks) {
        holding.weight = FIRST_WEIGHT;
        holding.sum = FIRST_WEIGHT * (held.get(tenant) ?? 0);
      }
      holding.held = held.get(tenant) ?? 0;
      if (holding.held === 0 && nowMs - holding.cameAtMs > LATELY_MS) this.#tenants.delete(tenant);
    }
    const part = places / Math.max(1, this.#tenants.size);
    this.#over = [...this.#tenants].filter(([, one]) => one.held > part).map(([tenant]) => tenant);
  }

  /** Requests of tenants that do not hold more than their part. */
  get within(): number {
    return this.#sum(({ held }) => held);
  }

  /**
   * Places that these tenants are likely to need beside those that they have: what they usually hold and its deviation, as of
   * Poisson arrivals. Answers that began together end together, so there may be no other place for long. One of which a request
   * was refused lately is due a place whatever it held.
   */
  get due(): number {
    const usual = this.#sum(({ sum, weight }) => (weight > 0 ? sum / weight : 0));
    const refused = this.#sum(({ refusedAtMs }) => (this.#lookedAtMs - refusedAtMs <= USUAL_MS ? 1 : 0));
    return Math.max(0, refused, Math.round(usual + Math.sqrt(usual)) - this.within);
  }

  #sum(of: (holding: Holding) => number): number {
    let sum = 0;
    for (const [tenant, holding] of this.#tenants) if (!this.#over.includes(tenant)) sum += of(holding);
    return sum;
  }
}
