/** Forecast by lead, index 0 is the next bin. */
export interface Path {
  /** Mean rate, requests/s, >= 0. */
  mean: number[];
  /** Variance of the forecast of the mean rate, (requests/s)^2, >= 0: without the noise of counting. */
  variance: number[];
}

/** What a model may assume of the noise of one bin's rate about its mean. */
export interface CountNoise {
  /** Length of a bin, s. */
  readonly binSeconds: number;
  /** Variance of a bin's rate whose mean is `mean`, (requests/s)^2, > 0. */
  variance(mean: number): number;
}

/** Learns the mean rate of a pool bin by bin. Deterministic; only `push` changes it. */
export interface PathModel<State = unknown> {
  /** `rate` is null where it is not known. `noise` as it is with this bin. */
  push(rate: number | null, noise: CountNoise): void;
  /** Null while nothing is known. A shorter path is the beginning of a longer one. */
  path(bins: number, noise: CountNoise): Path | null;
  /** Plain JSON, from which the model's constructor goes on. */
  save(): State;
}
