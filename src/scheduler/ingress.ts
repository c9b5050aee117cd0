import { hostname } from 'node:os';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import type { RequestResult, Submission } from '../contract/request.js';
import { connect, workerOptions } from '../queues/connection.js';
import { formerPoolAdvice } from '../queues/former-pools.js';
import { Keys } from '../queues/keys.js';
import { retention } from '../queues/pool-queues.js';
import { finalFailure, PullWorker, putBack } from '../queues/pull-worker.js';
import { bullTelemetry } from '../tracing/tracing.js';
import { SluiceClient } from './client.js';

const BEAT_MS = 1_000;

/**
 * Takes plain jobs from the public `requests` queue, submits each under its own job id, and completes it with
 * the answer. Holds nothing that is not in Redis: a job whose ingress died is taken by another, finds its request by
 * id, and gets the same answer.
 */
export class Ingress {
  readonly #keys: Keys;
  readonly #connection: Redis;
  readonly #bull: PullWorker;
  readonly #roleId = `ingress-${hostname()}-${process.pid}`;
  #stopping = false;
  #beat: NodeJS.Timeout | undefined;

  private constructor(
    config: Config,
    private readonly client: SluiceClient,
    redisUrl: string,
    log: Logger,
  ) {
    this.#keys = new Keys(config.namespace);
    this.#connection = connect(redisUrl, 'worker');
    this.#bull = new PullWorker(this.#keys.requestsQueue, (job, token) => this.#process(job, token), {
      ...workerOptions(config.queues),
      ...retention(config),
      ...bullTelemetry(),
      connection: this.#connection,
      prefix: config.queues.requestsPrefix,
      concurrency: config.queues.ingressConcurrency,
      name: this.#roleId,
      autorun: false,
      skipVersionCheck: true,
    });
    this.#bull.on('error', (error) => log.warn(`requests queue: ${error.message}`));
  }

  /** Errors: `no_redis`. */
  static async start(config: Config, redisUrl: string, log: Logger): Promise<Ingress> {
    const ingress = new Ingress(config, await SluiceClient.open(config, redisUrl), redisUrl, log);
    ingress.#bull.run().catch((error: unknown) => log.error({ err: error }, 'requests queue ended'));
    await ingress.#writeBeat();
    for (const pool of await ingress.client.formerPools()) log.warn(pool, formerPoolAdvice(pool));
    ingress.#beat = setInterval(() => void ingress.#writeBeat().catch(() => {}), BEAT_MS);
    log.info({ queue: ingress.#keys.requestsQueue, prefix: config.queues.requestsPrefix }, 'ingress ready');
    return ingress;
  }

  /** Puts what it holds back to the queue, for the next ingress, and ends. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#beat);
    // Ends every wait below; each job then goes back to the queue.
    await this.client.close();
    await this.#bull.close();
    await this.#connection.hdel(this.#keys.roles(), this.#roleId);
    this.#connection.disconnect();
  }

  async #process(job: Job, token: string | undefined): Promise<RequestResult> {
    if (this.#stopping) return putBack(job, token);
    try {
      const handle = await this.client.submit(withId(job));
      const outcome = await handle.done;
      if (outcome.kind === 'completed') return outcome.result;
      throw SluiceError.fromReason(`${outcome.code}: ${outcome.message}`);
    } catch (error) {
      if (this.#stopping) return putBack(job, token);
      throw finalFailure(SluiceError.from(error));
    }
  }

  async #writeBeat(): Promise<void> {
    const beat = { role: 'ingress', pid: process.pid, atMs: Date.now(), counts: this.client.counts() };
    await this.#connection.hset(this.#keys.roles(), this.#roleId, JSON.stringify(beat));
  }
}

/**
 * The submission of a plain job. BullMQ's own numeric ids become `requests-N`, since a request id that is a plain
 * number could be another queue's. Errors: `invalid_request` when the data is not an object.
 */
function withId(job: Job): Submission {
  const data: unknown = job.data;
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    const shape = '{"prompt": "...", "max_tokens": 128, "slo_level": "high"}';
    throw new SluiceError('invalid_request', `body: expected an object like ${shape}, got ${kindOf(data)}`);
  }
  const jobId = job.id ?? '';
  const id = /^\d+$/.test(jobId) ? `requests-${jobId}` : jobId;
  return { prompt: '', ...data, id };
}

/** Never the data itself, which may be a prompt: the queue boards show why a job failed. */
function kindOf(data: unknown): string {
  if (data === null || data === undefined) return 'null';
  return Array.isArray(data) ? 'a list' : `a ${typeof data}`;
}
