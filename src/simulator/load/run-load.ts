import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { SluiceError } from '../../contract/errors.js';
import type { TokenFrame } from '../../contract/reply.js';
import { entriesOf, type Outcome, type Submission } from '../../contract/request.js';
import type { Arrival } from '../workload/arrivals.js';
import { type RequestRecord, TokenLedger } from './record.js';

/** The part of `SluiceClient` that a load needs. */
export interface LoadClient {
  submit(
    submission: Submission,
    handlers?: { onTokens?(frame: TokenFrame): void },
  ): Promise<{ id: string; pool: string; level: string; acceptedAtMs: number; done: Promise<Outcome> }>;
  cancel(id: string): Promise<unknown>;
}

export interface LoadProgress {
  elapsedSeconds: number;
  /** Arrivals of the whole load, and those submitted so far. */
  total: number;
  submitted: number;
  /** Submitted and not yet ended. */
  open: number;
  completed: number;
  attained: number;
  /** Failed, refused, expired or cancelled. */
  otherwise: number;
  tokens: number;
  /** Largest delay of the driver itself. */
  lateSeconds: number;
}

export interface LoadOptions {
  client: LoadClient;
  /** In order of time. */
  arrivals: readonly Arrival[];
  /** Opens the ids that the trace chose, so that two runs on one installation do not share answers. */
  runId: string;
  onProgress?: (progress: LoadProgress) => void;
  progressSeconds?: number;
  /** Aborted: submit no more, cancel what is open, end. */
  signal?: AbortSignal;
  /** So long without any sign (acceptance, token, end) after the last submission, and what is open counts as lost. */
  graceSeconds?: number;
  /** The same after an abort. */
  abortGraceSeconds?: number;
}

export interface LoadResult {
  /** One for each request that was submitted, in order. */
  records: RequestRecord[];
  /** Unix milliseconds of the load's start, and of its last end. */
  startedAtMs: number;
  endedAtMs: number;
  /** Stopped by the signal. */
  aborted: boolean;
  /** Largest delay of the driver itself, seconds. */
  lateSeconds: number;
}

/** Requests submitted in one go when the driver is late, before it lets answers be read. */
const CATCH_UP = 32;
const CANCEL_AT_ONCE = 64;

/**
 * Open-loop load: each request goes out at its time, whatever became of those before it. Ends when all have ended,
 * or after the grace time with the rest counted as lost. Never rejects for a request that fails.
 */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  return new LoadRun(options).run();
}

class LoadRun {
  private readonly startedAtMs = Date.now();
  private readonly records: RequestRecord[] = [];
  private readonly ledgers = new Map<RequestRecord, TokenLedger>();
  private readonly ids = new Map<RequestRecord, string>();
  private lastSignMs = this.startedAtMs;
  private lastEndMs = this.startedAtMs;
  private completed = 0;
  private attained = 0;
  private otherwise = 0;
  private tokens = 0;
  private late = 0;

  constructor(private readonly options: LoadOptions) {}

  async run(): Promise<LoadResult> {
    const { onProgress, progressSeconds = 1, signal } = this.options;
    const timer = onProgress && setInterval(() => onProgress(this.progress()), progressSeconds * 1000);
    try {
      await this.submitAll();
      if (signal?.aborted !== true) await this.settle(this.options.graceSeconds ?? 120);
      if (signal?.aborted === true) {
        await this.cancelOpen();
        await this.settle(this.options.abortGraceSeconds ?? 10, true);
      }
    } finally {
      clearInterval(timer);
    }
    onProgress?.(this.progress());
    const lost = [...this.ledgers];
    this.ledgers.clear();
    for (const [record, ledger] of lost) this.close(record, ledger);
    return {
      records: this.records,
      startedAtMs: this.startedAtMs,
      endedAtMs: lost.length > 0 ? Date.now() : this.lastEndMs,
      aborted: signal?.aborted === true,
      lateSeconds: this.late,
    };
  }

  private async submitAll(): Promise<void> {
    const { arrivals, signal } = this.options;
    let burst = 0;
    for (const [index, arrival] of arrivals.entries()) {
      const waitMs = this.startedAtMs + arrival.atSeconds * 1000 - Date.now();
      if (waitMs > 1) {
        burst = 0;
        await sleep(waitMs, undefined, signal ? { signal } : {}).catch(() => undefined);
      } else if (++burst % CATCH_UP === 0) await turn();
      if (signal?.aborted === true) return;
      void this.submit(index, arrival);
    }
  }

  private async submit(index: number, arrival: Arrival): Promise<void> {
    const late = Math.max(0, (Date.now() - this.startedAtMs) / 1000 - arrival.atSeconds);
    this.late = Math.max(this.late, late);
    const record = newRecord(index, arrival, late);
    const ledger = new TokenLedger();
    this.records.push(record);
    this.ledgers.set(record, ledger);
    const onTokens = (frame: TokenFrame) => {
      this.lastSignMs = Date.now();
      this.tokens += frame.tokens.length;
      ledger.note(frame.index, frame.tokens.length, this.lastSignMs);
    };
    try {
      const submission: Submission = { prompt: arrival.prompt(), max_tokens: arrival.osl };
      if (arrival.id !== undefined) submission.id = `${this.options.runId}-${arrival.id}`;
      if (arrival.level !== undefined) submission.slo_level = arrival.level;
      const handle = await this.options.client.submit(submission, { onTokens });
      this.lastSignMs = Date.now();
      this.ids.set(record, handle.id);
      record.pool = handle.pool;
      record.level = handle.level;
      record.acceptedAtMs = handle.acceptedAtMs;
      if (this.options.signal?.aborted === true)
        void this.options.client.cancel(handle.id).catch(() => undefined);
      this.end(record, ledger, await handle.done);
    } catch (error) {
      const { code, message } = SluiceError.from(error);
      this.end(record, ledger, { kind: 'failed', code, message });
    }
  }

  private end(record: RequestRecord, ledger: TokenLedger, outcome: Outcome): void {
    if (!this.ledgers.delete(record)) return;
    this.ids.delete(record);
    this.lastSignMs = Date.now();
    this.lastEndMs = this.lastSignMs;
    record.end = outcome.kind;
    record.endedAtMs = this.lastEndMs;
    if (outcome.kind === 'completed') {
      const { result } = outcome;
      record.code = null;
      record.message = null;
      record.ttftSeconds = result.ttftSeconds;
      record.itlSeconds = result.itlSeconds;
      record.relegated = result.relegatedFrom !== undefined;
      record.attained = result.attained && !record.relegated;
      this.completed++;
      if (record.attained) this.attained++;
      this.close(record, ledger, entriesOf(result));
      return;
    }
    record.code = outcome.code;
    record.message = outcome.message;
    this.otherwise++;
    this.close(record, ledger);
  }

  private close(record: RequestRecord, ledger: TokenLedger, made: number | null = null): void {
    record.tokens = ledger.count(made);
    record.client = ledger.latency(record.acceptedAtMs);
  }

  /** Waits until nothing is open, or nothing has been heard for the grace time. */
  private async settle(graceSeconds: number, afterAbort = false): Promise<void> {
    this.lastSignMs = Date.now();
    while (this.ledgers.size > 0 && Date.now() - this.lastSignMs < graceSeconds * 1000) {
      if (!afterAbort && this.options.signal?.aborted === true) return;
      await sleep(20);
    }
  }

  private async cancelOpen(): Promise<void> {
    const open = [...this.ids.values()];
    for (let at = 0; at < open.length; at += CANCEL_AT_ONCE)
      await Promise.allSettled(
        open.slice(at, at + CANCEL_AT_ONCE).map((id) => this.options.client.cancel(id)),
      );
  }

  private progress(): LoadProgress {
    return {
      elapsedSeconds: (Date.now() - this.startedAtMs) / 1000,
      total: this.options.arrivals.length,
      submitted: this.records.length,
      open: this.ledgers.size,
      completed: this.completed,
      attained: this.attained,
      otherwise: this.otherwise,
      tokens: this.tokens,
      lateSeconds: this.late,
    };
  }
}

function newRecord(index: number, arrival: Arrival, lateSeconds: number): RequestRecord {
  return {
    index,
    level: arrival.level ?? null,
    pool: null,
    dueSeconds: arrival.atSeconds,
    lateSeconds,
    acceptedAtMs: null,
    endedAtMs: null,
    end: 'lost',
    code: null,
    message: null,
    ttftSeconds: null,
    itlSeconds: null,
    relegated: false,
    attained: false,
    workTokens: arrival.isl + arrival.osl,
    client: { ttftSeconds: null, itlSeconds: null },
    tokens: { delivered: 0, duplicated: 0, missing: 0 },
  };
}
