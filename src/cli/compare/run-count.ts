/** Counts the runs of a comparison, and tells how many are done and how long the rest will take. */
export class RunCount {
  #done = 0;
  readonly #begunMs: number;

  constructor(
    private readonly total: number,
    private readonly now: () => number = Date.now,
  ) {
    this.#begunMs = now();
  }

  /** One more is done. The time left supposes that the others take as long on average. */
  done(): string {
    this.#done++;
    const left = Math.max(0, this.total - this.#done);
    const seconds = ((this.now() - this.#begunMs) / 1000 / this.#done) * left;
    const time =
      left === 0
        ? ''
        : `, about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} left`;
    return `${this.#done} of ${this.total} runs${time}`;
  }
}
