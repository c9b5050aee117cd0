import type { Redis } from 'ioredis';
import type { Config } from '../../config/types.js';
import type { Outcome, RequestResult } from '../../contract/request.js';
import { EndPublisher } from '../../queues/emitter.js';
import { retireJournal } from '../../queues/journal.js';
import type { Keys } from '../../queues/keys.js';
import type { Recorder } from '../../telemetry/recorder.js';
import { settleEnded, type Used } from '../../tenants/settlement.js';
import type { Run } from './run.js';

export interface EndReportOptions {
  config: Config;
  redis: Redis;
  keys: Keys;
  recorder: Recorder;
  now: () => number;
  log: (message: string) => void;
}

/** Tells of a request that has ended for good: those who listen, its tenant's account, the pool's telemetry. */
export class EndReport {
  readonly #ends: EndPublisher;

  constructor(private readonly options: EndReportOptions) {
    this.#ends = new EndPublisher(options.redis);
  }

  completed(run: Run, result: RequestResult): void {
    this.#ends.publish(run.channels, run.id, { kind: 'completed', result });
    const { ttftSeconds, itlSeconds, attained, usage, acceptedAtMs, startedAtMs, finishedAtMs } = result;
    const { promptTokens: isl, completionTokens: osl } = usage;
    this.#settle(run, { isl, osl, gpuSeconds: result.gpuSeconds ?? 0 });
    this.options.recorder.ended(run.pool, {
      kind: 'completed',
      ttftSeconds,
      itlSeconds,
      queueSeconds: Math.max(0, startedAtMs - acceptedAtMs) / 1000,
      wholeSeconds: Math.max(0, finishedAtMs - acceptedAtMs) / 1000,
      attained,
      isl,
      osl,
      atMs: finishedAtMs,
    });
    this.#retire(run);
  }

  /** @param outcome how it ended, as its last job says */
  failed(run: Run, outcome: Outcome): void {
    const began = run.tokens.length > 0;
    this.#settle(run, {
      isl: began ? run.request.isl : 0,
      osl: run.tokens.length,
      gpuSeconds: run.gpuSeconds,
    });
    this.#ends.publish(run.channels, run.id, outcome);
    this.#retire(run);
    if (outcome.kind === 'completed') return;
    const atMs = this.options.now();
    const sample = {
      attained: false,
      queueSeconds: Math.max(0, run.startedAtMs - run.request.acceptedAtMs) / 1000,
      wholeSeconds: Math.max(0, atMs - run.request.acceptedAtMs) / 1000,
      isl: run.request.isl,
      osl: run.tokens.length,
      atMs,
    };
    this.options.recorder.ended(run.pool, { kind: outcome.kind, ...sample });
  }

  /** Told to Redis beside the end; a journal that hears nothing of it goes by itself, later. */
  #retire({ pool, id }: Run): void {
    const { redis, keys, config } = this.options;
    retireJournal(redis, keys, pool, id, config.queues.keepSeconds * 1000).catch(() => {});
  }

  /** Told to Redis beside the end; a request without an owner has no account. */
  #settle({ request }: Run, used: Used): void {
    const { redis, keys, log } = this.options;
    settleEnded(redis, keys, request, used).catch((error: unknown) =>
      log(`settling ${request.id}: ${String(error)}`),
    );
  }
}
