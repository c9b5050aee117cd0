import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import {
  type KvHandle,
  kvHandleSchema,
  movedSchema,
  type RequestResult,
  type RoutedRequest,
  resultSchema,
  routedRequestSchema,
} from '../contract/request.js';
import { readFirstTokenAt } from '../queues/journal.js';
import type { Keys } from '../queues/keys.js';
import { PoolQueues } from '../queues/pool-queues.js';
import type { RequestDetail, RequestRow, Stage } from './request-view.js';

/** Jobs of each pool and state that are looked through, newest first: a search sees as many, not all. */
const LOOKED_AT = 150;
const LISTED = 60;

export interface RequestFilter {
  /** Part of an id. */
  id?: string | undefined;
  level?: string | undefined;
  tenant?: string | undefined;
  state?: string | undefined;
}

/** Finds requests in the pools' queues: those that wait and run, and as many of the ended as are kept. */
export class RequestFinder {
  readonly #queues: PoolQueues[];

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly config: Config,
    private readonly now: () => number,
  ) {
    this.#queues = Object.keys(config.pools).map((pool) => new PoolQueues(pool, keys, redis));
  }

  async close(): Promise<void> {
    await Promise.all(this.#queues.map((queues) => queues.close()));
  }

  /** The newest that fit, newest first. Rejects when Redis does. */
  async list(filter: RequestFilter): Promise<RequestRow[]> {
    const exact = filter.id === undefined ? undefined : await this.#job(filter.id);
    const wanted = this.#queues.filter(({ pool }) => {
      return filter.level === undefined || this.config.pools[pool]?.level === filter.level;
    });
    const jobs = await Promise.all(
      wanted.map(async ({ decode }) => [
        ...(await decode.getJobs(['active', 'prioritized', 'waiting', 'waiting-children'], 0, LOOKED_AT)),
        ...(await decode.getJobs(['completed', 'failed'], 0, LOOKED_AT)),
      ]),
    );
    const rows = [...new Map([...jobs.flat(), exact?.job].map((job) => [job?.id, job])).values()].flatMap(
      rowOf,
    );
    const fits = (row: RequestRow) =>
      (filter.id === undefined || row.id.includes(filter.id)) &&
      (filter.level === undefined || row.level === filter.level) &&
      (filter.tenant === undefined || row.tenant === filter.tenant) &&
      (filter.state === undefined || row.state === filter.state);
    return rows
      .filter(fits)
      .sort((a, b) => b.acceptedAtMs - a.acceptedAtMs)
      .slice(0, LISTED);
  }

  /** One request with its stages. Errors: `not_found`. Rejects when Redis does. */
  async detail(id: string): Promise<RequestDetail> {
    const found = await this.#job(id);
    const row = rowOf(found?.job)[0];
    const request = routedRequestSchema.safeParse(found?.job.data).data;
    if (found === undefined || row === undefined || request === undefined)
      throw new SluiceError(
        'not_found',
        `no request ${JSON.stringify(id.slice(0, 128))}, or it is no longer kept`,
      );
    const { job, queues } = found;
    const result = resultSchema.safeParse(job.returnvalue).data;
    const prefill = request.disaggregated === true ? await queues.prefill.getJob(id) : undefined;
    const handle = kvHandleSchema.safeParse(prefill?.returnvalue).data;
    const told = result?.firstTokenAtMs ?? handle?.firstTokenAtMs;
    // Until a request ends, only its journal tells.
    const first = told ?? (await readFirstTokenAt(this.redis, this.keys, row.pool, id));
    const atMs = this.now();
    const gpuSeconds = result?.gpuSeconds ?? null;
    return {
      ...row,
      atMs,
      ttftSeconds: first === null ? null : Math.max(0, first - row.acceptedAtMs) / 1000,
      model: request.model,
      deadlineMs: request.deadlineMs,
      slackSeconds: (request.deadlineMs - (first ?? row.finishedAtMs ?? atMs)) / 1000,
      stages: stagesOf(request, { job, prefill, handle, result, first }),
      runs: job.attemptsStarted,
      // BullMQ counts the attempt that succeeded, too.
      failures: Math.max(0, job.attemptsMade - (row.state === 'completed' ? 1 : 0)),
      gpuSeconds,
      usd: gpuSeconds === null ? null : (gpuSeconds / 3600) * this.config.pricing.usdPerGpuHour,
    };
  }

  async #job(id: string): Promise<{ job: Job; queues: PoolQueues } | undefined> {
    const jobs = await Promise.all(
      this.#queues.map(async (queues) => ({ queues, job: await queues.find(id) })),
    );
    for (const { queues, job } of jobs) if (job !== undefined && !isMoved(job)) return { queues, job };
    return undefined;
  }
}

function rowOf(job: Job | undefined): RequestRow[] {
  const request = routedRequestSchema.safeParse(job?.data).data;
  if (job === undefined || request === undefined || isMoved(job)) return [];
  const result = resultSchema.safeParse(job.returnvalue).data;
  const { id, pool, level, relegatedFrom, owner, acceptedAtMs, isl } = request;
  return [
    {
      id,
      pool,
      level,
      relegatedFrom: relegatedFrom ?? null,
      tenant: owner?.tenant ?? null,
      state: stateOf(job, result),
      acceptedAtMs,
      finishedAtMs: job.finishedOn ?? null,
      isl,
      osl: result?.usage.completionTokens ?? null,
      ttftSeconds: result?.ttftSeconds ?? null,
      itlSeconds: result?.itlSeconds ?? null,
      attained: result?.attained ?? (job.finishedOn === undefined ? null : false),
      workerId: result?.workerId ?? job.processedBy ?? null,
      reason: job.finishedOn !== undefined && job.failedReason ? job.failedReason : null,
    },
  ];
}

/** Another pool, of a lower level, has it now. */
function isMoved(job: Job): boolean {
  return movedSchema.safeParse(job.returnvalue).success;
}

function stateOf(job: Job, result: RequestResult | undefined): RequestRow['state'] {
  if (job.finishedOn === undefined) return job.processedOn === undefined ? 'waiting' : 'running';
  if (result !== undefined) return 'completed';
  const { code } = SluiceError.fromReason(job.failedReason ?? '');
  return code === 'expired' || code === 'cancelled' ? code : 'failed';
}

interface OnRecord {
  job: Job;
  prefill: Job | undefined;
  /** What its prefill worker handed on. */
  handle: KvHandle | undefined;
  result: RequestResult | undefined;
  /** Unix ms of its first token; null: it has none yet. */
  first: number | null;
}

/** What is on record of the way of a request; a stage that was not reached is left out. */
function stagesOf(request: RoutedRequest, { job, prefill, handle, result, first }: OnRecord): Stage[] {
  const finished = job.finishedOn ?? null;
  const ran = handle?.startedAtMs ?? result?.startedAtMs ?? prefill?.processedOn ?? job.processedOn ?? null;
  // A later run begins after the first token of an earlier one.
  const began = ran === null ? null : Math.min(ran, first ?? ran);
  const stages: Stage[] = [
    { name: 'routed', fromMs: request.acceptedAtMs, toMs: Math.max(request.acceptedAtMs, job.timestamp) },
    { name: 'queued', fromMs: job.timestamp, toMs: began ?? finished },
  ];
  if (began === null) return stages;
  stages.push({ name: 'prefill', fromMs: began, toMs: first ?? finished });
  if (first === null) return stages;
  let decodeFrom = first;
  if (prefill?.finishedOn !== undefined && job.processedOn !== undefined) {
    stages.push({ name: 'hand-over', fromMs: prefill.finishedOn, toMs: job.processedOn });
    decodeFrom = Math.max(first, job.processedOn);
  }
  stages.push({ name: 'decode', fromMs: decodeFrom, toMs: result?.finishedAtMs ?? finished });
  if (result !== undefined && finished !== null)
    stages.push({
      name: 'delivered',
      fromMs: result.finishedAtMs,
      toMs: Math.max(result.finishedAtMs, finished),
    });
  return stages;
}
