/** What the load generator is told to do against one side. */
export interface Load {
  url: string;
  headers: Record<string, string>;
  maxTokens: number;
  /** `open`: so many requests a second come by chance, whatever becomes of them. `closed`: so many at once. */
  kind: 'open' | 'closed';
  /** Requests a second, or requests at once. */
  level: number;
  seconds: number;
  seed: number;
}

/** What it saw. Times are ms; an open load's begin at the moment when the request was due. */
export interface Seen {
  completed: number;
  failed: number;
  /** The first failure, for a message. */
  failure: string | null;
  /** Of requests that completed, a second from the first one's beginning to the last one's end. */
  requestsPerSecond: number;
  tokensPerSecond: number;
  /** Events a second: a side may put several tokens into one. */
  eventsPerSecond: number;
  ttft: Percentiles;
  gap: Percentiles;
}

export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

/**
 * `hold`: opens so many streams and answers when all have begun; `release` closes them. `count`, while a load runs: how many
 * of its requests have completed by now; `stop`: no further one comes, and the load ends with those under way.
 */
export type LoadMessage =
  | { type: 'load'; load: Load }
  | { type: 'hold'; load: Load }
  | { type: 'release' }
  | { type: 'count' }
  | { type: 'stop' };
export type LoadReply =
  | { type: 'ready' }
  | { type: 'seen'; seen: Seen }
  | { type: 'counted'; completed: number }
  | { type: 'stopped' }
  | { type: 'held'; open: number; failure: string | null }
  | { type: 'released' };

export interface GatewayBenchOptions {
  rounds: number;
  /** Of one load on one side. */
  seconds: number;
  /** Requests a second of the open loads. */
  rates: number[];
  /** Streams held open for the memory figure; 0: none. */
  streams: number;
  portkey: boolean;
  /** Folder for CPU profiles of Sluice's gateway and worker; null: none. */
  profiles: string | null;
  note: (line: string) => void;
}
