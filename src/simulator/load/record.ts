import type { Outcome } from '../../contract/request.js';

/** `lost`: neither answered nor refused when the run ended. */
export type RecordedEnd = Outcome['kind'] | 'lost';

/** What the driver saw of one request. Times are Unix milliseconds. */
export interface RequestRecord {
  index: number;
  /** Level asked for; null: the config's default. */
  level: string | null;
  /** Where it was routed; null: it was refused, or lost before it was accepted. */
  pool: string | null;
  /** Seconds from the start of the load at which it was due. */
  dueSeconds: number;
  /** Seconds by which it was submitted late: the driver's own delay. */
  lateSeconds: number;
  acceptedAtMs: number | null;
  endedAtMs: number | null;
  end: RecordedEnd;
  /** Error code; null: completed. */
  code: string | null;
  message: string | null;
  /** From acceptance to the first token made; null: not completed. */
  ttftSeconds: number | null;
  /** Mean inter-token latency; null: not completed, or fewer than two tokens. */
  itlSeconds: number | null;
  /** A lower level than asked for served it. */
  relegated: boolean;
  /** TTFT and ITL within target, at the level asked for. */
  attained: boolean;
  /** Prompt and output tokens that it asked for. */
  workTokens: number;
  /** As the client saw them arrive; null where it saw none, or fewer than two. */
  client: { ttftSeconds: number | null; itlSeconds: number | null };
  tokens: TokenCount;
}

/** `delivered`: different tokens that came; `duplicated`: arrivals of one that was there; `missing`: gaps left at the end. */
export interface TokenCount {
  delivered: number;
  duplicated: number;
  missing: number;
}

/** Counts the tokens of one request by their indices, whatever their order. */
export class TokenLedger {
  private seen: boolean[] = [];
  private delivered = 0;
  private duplicated = 0;
  private firstAtMs: number | null = null;
  private lastAtMs: number | null = null;

  /** `count` tokens from `index` on came at `atMs`. */
  note(index: number, count: number, atMs: number): void {
    for (let at = index; at < index + count; at++) {
      if (this.seen[at]) this.duplicated++;
      else {
        this.seen[at] = true;
        this.delivered++;
      }
    }
    if (count === 0) return;
    this.firstAtMs ??= atMs;
    this.lastAtMs = atMs;
  }

  /** `made`: tokens in the answer; null: no answer, so only gaps below the last index count as missing. */
  count(made: number | null): TokenCount {
    const expected = made ?? this.seen.length;
    return {
      delivered: this.delivered,
      duplicated: this.duplicated,
      missing: Math.max(0, expected - this.delivered),
    };
  }

  latency(acceptedAtMs: number | null): RequestRecord['client'] {
    if (acceptedAtMs === null || this.firstAtMs === null || this.lastAtMs === null)
      return { ttftSeconds: null, itlSeconds: null };
    const ttftSeconds = Math.max(0, this.firstAtMs - acceptedAtMs) / 1000;
    if (this.delivered < 2) return { ttftSeconds, itlSeconds: null };
    return { ttftSeconds, itlSeconds: (this.lastAtMs - this.firstAtMs) / 1000 / (this.delivered - 1) };
  }
}
