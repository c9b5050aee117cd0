import { FlowProducer, type Job, type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Config } from '../config/types.js';
import { parseJson } from '../contract/reply.js';
import type { RoutedRequest } from '../contract/request.js';
import { bullTelemetry } from '../tracing/tracing.js';
import { LATE_SCORE } from './aside.js';
import type { Keys } from './keys.js';
import { luaScript } from './script.js';

const formScript = luaScript(new URL('./lua/choose-form.lua', import.meta.url));
const idsReply = z.array(z.string());

/** Job name on the pools' queues; shown on queue boards. */
const REQUEST_JOB = 'request';

/** Jobs that are taken off a queue at once. */
const PAGE = 500;

/** Runs of a request that may end in an engine failure before the request fails. */
const ATTEMPTS = 3;

/** Adding a request in a form that was chosen takes less. */
const FORM_MS = 60_000;

/** `whole`: one job. `flow`: a prefill job, then a decode job. */
type Form = 'whole' | 'flow';

/** The BullMQ queues of one pool, for adding and looking up; workers have their own. */
export class PoolQueues {
  readonly decode: Queue;
  readonly prefill: Queue;
  readonly #flows: FlowProducer;

  constructor(
    readonly pool: string,
    private readonly keys: Keys,
    private readonly connection: Redis,
  ) {
    const options = {
      connection,
      prefix: keys.poolPrefix(pool),
      skipVersionCheck: true,
      ...bullTelemetry(),
    };
    this.decode = new Queue(keys.decodeQueue(pool), options);
    this.prefill = new Queue(keys.prefillQueue(pool), options);
    this.#flows = new FlowProducer(options);
    // A lost connection shows as waiting commands; without a listener it would end the process.
    this.decode.on('error', () => {});
    this.prefill.on('error', () => {});
    this.#flows.on('error', () => {});
  }

  /**
   * Adds a request that may be added in either form, in the one that is asked for unless another was chosen a moment ago. An id
   * that is there already, in whatever form, is left as it is.
   */
  async add(request: RoutedRequest, priority: number, asked: Form): Promise<void> {
    const { id } = request;
    const keys = [this.decode.toKey(id), this.keys.form(this.pool, id)];
    const form = await formScript(this.connection, keys, [asked, FORM_MS]);
    if (form === 'flow') await this.#addFlow(request, priority);
    else if (form === 'whole') await this.addWhole(request, priority);
  }

  /** Adds a request that is only ever added whole. An id that is there already is left as it is. */
  async addWhole(request: RoutedRequest, priority: number): Promise<void> {
    await this.decode.add(REQUEST_JOB, request, jobOptions(request.id, priority));
  }

  /**
   * Adds a request as a flow: the prefill child runs first, the decode parent after it. A failed child does
   * not fail the parent: the decode worker then decides (serves it whole, or passes on an expiry or a cancel).
   * To a parent that is there BullMQ would add the child all the same, and have the parent wait for it, even one that runs.
   */
  async #addFlow(request: RoutedRequest, priority: number): Promise<void> {
    const options = jobOptions(request.id, priority);
    await this.#flows.add({
      name: REQUEST_JOB,
      queueName: this.decode.name,
      data: { ...request, disaggregated: true },
      opts: options,
      children: [
        {
          name: REQUEST_JOB,
          queueName: this.prefill.name,
          data: request,
          opts: { ...options, continueParentOnFailure: true },
        },
      ],
    });
  }

  /**
   * Takes what waits for a prefill worker off its queue: without a child that is still to come, BullMQ lets the decode half
   * go on, and a decode worker that finds no KV serves the request whole. Returns how many. One that a worker took
   * meanwhile is left to it.
   */
  async serveWhole(): Promise<number> {
    let moved = 0;
    const jobs: (Job | undefined)[] = await this.prefill.getJobs(
      ['waiting', 'prioritized'],
      0,
      PAGE - 1,
      true,
    );
    for (const job of jobs) {
      try {
        await job?.remove();
        if (job !== undefined) moved++;
      } catch {
        // Locked by a worker.
      }
    }
    return moved;
  }

  /**
   * Requests of one queue that stand aside (admission/deadline.ts): how many, and the data (parsed JSON, unchecked) of up
   * to `sample` of those that were due first.
   */
  async late(role: 'decode' | 'prefill', sample: number): Promise<{ count: number; jobs: unknown[] }> {
    const queue = this[role];
    const key = queue.toKey('prioritized');
    const count = await this.connection.zcount(key, LATE_SCORE, '+inf');
    if (count === 0) return { count, jobs: [] };
    const ids = await this.connection.zrangebyscore(key, LATE_SCORE, '+inf', 'LIMIT', 0, sample);
    const texts = await Promise.all(ids.map((id) => this.connection.hget(queue.toKey(id), 'data')));
    return { count, jobs: texts.map((text) => (text === null ? null : parseJson(text))) };
  }

  /** Ids of one queue's jobs that have not ended, at one moment; those that wait in their order. */
  async open(role: 'decode' | 'prefill'): Promise<string[]> {
    const queue = this[role];
    const states = await this.connection
      .multi()
      .zrangebyscore(queue.toKey('waiting-children'), '-inf', '+inf')
      .zrangebyscore(queue.toKey('prioritized'), '-inf', '+inf')
      .lrange(queue.toKey('active'), 0, -1)
      .exec();
    return (states ?? []).flatMap(([error, ids]) => {
      if (error !== null) throw error;
      return idsReply.parse(ids);
    });
  }

  /** The request's job that carries its outcome; undefined: no such request here. */
  find(id: string): Promise<Job | undefined> {
    return this.decode.getJob(id);
  }

  async close(): Promise<void> {
    await Promise.all([this.decode.close(), this.prefill.close(), this.#flows.close()]);
  }
}

function jobOptions(jobId: string, priority: number): JobsOptions {
  return { jobId, priority, attempts: ATTEMPTS };
}

/** What workers keep of ended jobs. */
export function retention(config: Config): {
  removeOnComplete: { age: number; count: number };
  removeOnFail: { age: number; count: number };
} {
  const keep = { age: config.queues.keepSeconds, count: config.queues.keepJobs };
  return { removeOnComplete: keep, removeOnFail: keep };
}
