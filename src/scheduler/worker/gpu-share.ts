/**
 * Splits a worker's GPU time among the requests that it runs: at each moment they share it evenly, so the shares of
 * all requests add up to the time that the worker was busy. Kept as one running sum of GPU-seconds for each request,
 * so that a request's share is the difference between two readings.
 */
export class GpuShare {
  #sum = 0;
  #active = 0;
  #atMs = 0;

  constructor(private readonly gpus: number) {}

  /** A request begins. @returns its mark, for `used`. */
  begin(nowMs: number): number {
    this.#advance(nowMs);
    this.#active++;
    return this.#sum;
  }

  end(nowMs: number): void {
    this.#advance(nowMs);
    this.#active--;
  }

  /** GPU-seconds used since the mark, by a request that still runs. */
  used(mark: number, nowMs: number): number {
    this.#advance(nowMs);
    return this.#sum - mark;
  }

  #advance(nowMs: number): void {
    const seconds = Math.max(0, nowMs - this.#atMs) / 1000;
    if (this.#active > 0) this.#sum += (this.gpus * seconds) / this.#active;
    this.#atMs = Math.max(this.#atMs, nowMs);
  }
}
