/** The newest values, oldest first, at most `size` of them. Values that are unknown are not kept. */
export class Recent {
  readonly values: number[];

  constructor(
    private readonly size: number,
    values: readonly number[] = [],
  ) {
    this.values = values.slice(-size);
  }

  push(value: number): void {
    this.values.push(value);
    if (this.values.length > this.size) this.values.shift();
  }

  get mean(): number {
    return this.values.reduce((sum, value) => sum + value, 0) / Math.max(1, this.values.length);
  }

  get largest(): number {
    return this.values.reduce((most, value) => Math.max(most, value), 0);
  }
}
