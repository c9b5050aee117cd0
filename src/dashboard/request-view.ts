/** What may be told of a request's state. */
export const REQUEST_STATES = ['waiting', 'running', 'completed', 'failed', 'expired', 'cancelled'] as const;

/** A request as the page lists it. Times are Unix ms; null: not (yet). */
export interface RequestRow {
  id: string;
  pool: string;
  level: string;
  /** The level that was asked for, where a lower one serves it. */
  relegatedFrom: string | null;
  /** null: it came over Redis, not with a key. */
  tenant: string | null;
  state: (typeof REQUEST_STATES)[number];
  acceptedAtMs: number;
  finishedAtMs: number | null;
  /** Tokens. */
  isl: number;
  osl: number | null;
  ttftSeconds: number | null;
  itlSeconds: number | null;
  attained: boolean | null;
  workerId: string | null;
  /** Why it failed; null: it did not. */
  reason: string | null;
}

/** One request in all its stages. */
export interface RequestDetail extends RequestRow {
  /** When this was so. */
  atMs: number;
  model: string;
  deadlineMs: number;
  /** Seconds between its first token (or now, while it has none) and its deadline: negative is late. */
  slackSeconds: number;
  stages: Stage[];
  /** Runs in engines that began; more than one: a worker died, failed or gave it back. */
  runs: number;
  /** Runs that ended in an engine's failure. */
  failures: number;
  gpuSeconds: number | null;
  /** Its share of GPU time at the configured price. */
  usd: number | null;
}

export interface Stage {
  name: 'routed' | 'queued' | 'prefill' | 'hand-over' | 'decode' | 'delivered';
  fromMs: number;
  /** null: under way. */
  toMs: number | null;
}
