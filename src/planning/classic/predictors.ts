/** Forecasts the next value of a series that is told one interval at a time, as Dynamo's load predictors do. */
export interface ClassicPredictor {
  /** Tells one interval. A value that is not finite counts as 0; zeros before the first other value are dropped. */
  add(value: number): void;
  /** The next interval's value; the last one while there are too few to tell, 0 without any. */
  predictNext(): number;
  /** What was kept, oldest first. */
  readonly buffer: readonly number[];
}

/**
 * The values of BasePredictor. Known fault, kept: a gap in telemetry (NaN) is taken for an idle interval.
 */
export class LoadBuffer {
  readonly values: number[] = [];
  #seen = false;

  /** @returns whether the value was kept. */
  add(value: number): boolean {
    const load = Number.isFinite(value) ? value : 0;
    if (load === 0 && !this.#seen) return false;
    if (load !== 0) this.#seen = true;
    this.values.push(load);
    return true;
  }

  last(): number {
    return this.values[this.values.length - 1] ?? 0;
  }
}

/** The last value. */
export class ClassicConstant implements ClassicPredictor {
  readonly #data = new LoadBuffer();

  get buffer(): readonly number[] {
    return this.#data.values;
  }

  add(value: number): void {
    this.#data.add(value);
  }

  predictNext(): number {
    return this.#data.last();
  }
}
