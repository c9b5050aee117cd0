import { DelayedError, type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { Outcome } from '../../contract/request.js';
import { redisError, workerOptions } from '../../queues/connection.js';
import type { Keys } from '../../queues/keys.js';
import type { RequestHandle } from '../../scheduler/client.js';
import { type Batch, isEnded } from './batch.js';
import type { Files } from './files.js';
import { type Line, readLines } from './lines.js';
import { expiredLine, outcomeLine } from './result.js';
import type { BatchStore } from './store.js';

const jobSchema = z.object({ batch: z.string() });

/** Requests of one batch on the queue at once: enough for any worker, and little to hold. */
const IN_FLIGHT = 64;
const LOOK_MS = 1_000;
/** Between two tries at a line that its key's limits or a waiting room refuse. */
const [SHORTEST_WAIT_MS, LONGEST_WAIT_MS] = [1_000, 30_000];
const BATCHES = 32;
const KEEP = { age: 3600, count: 1_000 };

export interface BatchRunnerOptions {
  config: Config;
  redis: Redis;
  keys: Keys;
  log: Logger;
  files: Files;
  store: BatchStore;
  /** Unix ms. */
  now: () => number;
  /** Sends a line under an id, once however often it is called. Errors: as of `sendLine`. */
  send: (batch: Batch, line: Line, id: string) => Promise<RequestHandle>;
  /** A line that was sent under an id before; undefined: none was. */
  sentBefore: (id: string) => Promise<RequestHandle | undefined>;
  cancel: (id: string) => Promise<unknown>;
}

/** A file that was deleted meanwhile has no lines; one that cannot be read now is read again. */
function emptyWhenGone(error: unknown): string {
  if (error instanceof SluiceError && error.code === 'not_found') return '';
  throw error;
}

/** Whether waiting may help. Of a key's limits it does where the refusal says how long. */
function passes({ code, retryable, retryAfterSeconds }: SluiceError): boolean {
  return code === 'rate_limited' || code === 'budget_spent' ? retryAfterSeconds !== undefined : retryable;
}

/** How far the run of a batch is. */
interface Run {
  batch: Batch;
  lines: readonly Line[];
  next: number;
  done: ReadonlySet<number>;
  inFlight: Set<string>;
  cancelled: boolean;
  expired: boolean;
}

/**
 * Runs batches. Each is a BullMQ job, and each of its lines a request of an id of its own: a gateway that takes a batch over finds
 * what was sent before, and sends nothing twice.
 */
export class BatchRunner {
  readonly #queue: Queue;
  readonly #worker: Worker;
  #stop: () => void = () => {};
  readonly #stopped: Promise<void>;
  #stopping = false;

  constructor(
    private readonly options: BatchRunnerOptions,
    connection: Redis,
  ) {
    const { config, redis, keys } = options;
    const prefix = keys.tenants();
    this.#stopped = new Promise((resolve) => {
      this.#stop = resolve;
    });
    this.#queue = new Queue(keys.batchesQueue, { connection: redis, prefix, skipVersionCheck: true });
    this.#worker = new Worker(keys.batchesQueue, (job, token) => this.#process(job, token), {
      ...workerOptions(config.queues),
      connection,
      prefix,
      concurrency: BATCHES,
      removeOnComplete: KEEP,
      removeOnFail: KEEP,
      skipVersionCheck: true,
    });
    this.#queue.on('error', () => {});
    this.#worker.on('error', (error) => options.log.warn(`batches: ${error.message}`));
    this.#worker.on('failed', (job, error) => options.log.warn({ batch: job?.id, err: error }, 'batch'));
  }

  /** Resolves when the batch is sure to be run. */
  async add({ id }: Batch): Promise<void> {
    await this.#queue.add(
      'batch',
      { batch: id },
      { jobId: id, attempts: 20, backoff: { type: 'fixed', delay: 5_000 } },
    );
  }

  /** Puts the batches in hand back for other gateways; their requests go on. */
  async close(): Promise<void> {
    this.#stopping = true;
    this.#stop();
    await this.#worker.close();
    await this.#queue.close();
  }

  async #process(job: Job, token: string | undefined): Promise<void> {
    const { files, store, now } = this.options;
    const id = jobSchema.safeParse(job.data).data?.batch;
    const batch = id === undefined ? undefined : await store.find(id);
    if (batch === undefined) throw new UnrecoverableError('there is no such batch, or it is no longer kept');
    if (isEnded(batch)) return;
    const content = await files.content(batch.tenant, batch.inputFile).catch(emptyWhenGone);
    const { lines, errors } = readLines(content, batch.endpoint);
    if (errors.length > 0) {
      await store.save({ ...batch, status: 'failed', errors, failedAt: this.#second() });
      return;
    }
    const begun: Batch = {
      ...batch,
      status: 'in_progress',
      total: lines.length,
      inProgressAt: batch.inProgressAt ?? this.#second(),
    };
    if (batch.inProgressAt === null) await store.save(begun);
    const [output, error] = await Promise.all([
      store.results(begun.id, 'output'),
      store.results(begun.id, 'error'),
    ]);
    const run: Run = {
      batch: begun,
      lines,
      next: 0,
      done: new Set([...output.keys(), ...error.keys()]),
      inFlight: new Set(),
      cancelled: batch.cancellingAt !== null,
      expired: now() >= begun.expiresAt * 1000,
    };
    const timer = setInterval(() => void this.#look(run).catch(() => {}), LOOK_MS);
    try {
      await Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#runLines(run)));
    } finally {
      clearInterval(timer);
    }
    if (this.#stopping) {
      await job.moveToDelayed(now() + LOOK_MS, token);
      throw new DelayedError();
    }
    await this.#finish(run);
  }

  async #look(run: Run): Promise<void> {
    const { store, cancel, now } = this.options;
    run.expired ||= now() >= run.batch.expiresAt * 1000;
    if (run.cancelled || (await store.cancelAskedAt(run.batch.id)) === null) return;
    run.cancelled = true;
    await Promise.all([...run.inFlight].map((id) => cancel(id).catch(() => {})));
  }

  /**
   * Takes line after line until there is none. Those that come when nothing more is to be sent are looked for too: a
   * gateway that died may have sent them.
   */
  async #runLines(run: Run): Promise<void> {
    while (run.next < run.lines.length && !this.#stopping) {
      const at = run.next++;
      const line = run.lines[at];
      if (line === undefined || run.done.has(at)) continue;
      const id = `${run.batch.id}-${at}`;
      run.inFlight.add(id);
      const outcome = await this.#outcomeOf(run, line, id);
      run.inFlight.delete(id);
      if (outcome === undefined || (run.cancelled && outcome.kind === 'cancelled')) continue;
      const { kind, text } = outcomeLine(run.batch, line, id, outcome);
      await this.options.store.addResult(run.batch.id, kind, at, text);
    }
  }

  /** How the line ended; undefined: it was not sent and is not to be, or this gateway stops. */
  async #outcomeOf(run: Run, line: Line, id: string): Promise<Outcome | undefined> {
    const { send, sentBefore, cancel } = this.options;
    while (!this.#stopping) {
      try {
        const over = run.cancelled || run.expired;
        const handle = over ? await sentBefore(id) : await send(run.batch, line, id);
        // One that was sent while the word to cancel came was not there yet to be cancelled.
        if (run.cancelled && handle !== undefined) cancel(id).catch(() => {});
        return await Promise.race([handle?.done, this.#stopped.then(() => undefined)]);
      } catch (error) {
        const known = redisError(error);
        if (!passes(known)) return { kind: 'failed', code: known.code, message: known.message };
        const waitMs = Math.max(SHORTEST_WAIT_MS, (known.retryAfterSeconds ?? 1) * 1000);
        await this.#pause(Math.min(LONGEST_WAIT_MS, waitMs));
      }
    }
    return undefined;
  }

  async #pause(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const time = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([time, this.#stopped]);
    clearTimeout(timer);
  }

  async #finish({ batch: begun, lines }: Run): Promise<void> {
    const { files, store } = this.options;
    const batch = { ...begun, cancellingAt: await store.cancelAskedAt(begun.id) };
    const cancelled = batch.cancellingAt !== null;
    await store.save({ ...batch, status: 'finalizing', finalizingAt: this.#second() });
    const output = await store.results(batch.id, 'output');
    const error = await store.results(batch.id, 'error');
    let expired = false;
    for (const [at, line] of lines.entries()) {
      if (output.has(at) || error.has(at) || cancelled) continue;
      expired = true;
      const text = expiredLine(batch, line, `${batch.id}-${at}`);
      error.set(at, text);
      await store.addResult(batch.id, 'error', at, text);
    }
    const file = async (name: string, results: ReadonlyMap<number, string>) => {
      if (results.size === 0) return null;
      const sorted = [...results].toSorted(([a], [b]) => a - b).map(([, text]) => text);
      const content = `${sorted.join('\n')}\n`;
      const { tenant } = batch;
      return (
        await files.create({
          tenant,
          filename: `${batch.id}_${name}.jsonl`,
          purpose: 'batch_output',
          content,
        })
      ).id;
    };
    const [outputFile, errorFile] = [await file('output', output), await file('error', error)];
    const at = this.#second();
    const ended = { ...batch, finalizingAt: at, outputFile, errorFile };
    if (cancelled) await store.save({ ...ended, status: 'cancelled', cancelledAt: at });
    else if (expired || at >= batch.expiresAt)
      await store.save({ ...ended, status: 'expired', expiredAt: at });
    else await store.save({ ...ended, status: 'completed', completedAt: at });
    await store.dropResults(batch.id);
  }

  /** Unix seconds. */
  #second(): number {
    return Math.floor(this.options.now() / 1000);
  }
}
