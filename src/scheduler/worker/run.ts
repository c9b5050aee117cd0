import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { expiry } from '../../admission/limits.js';
import type { PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { endOf, type TokenEnd, textOf } from '../../contract/openai.js';
import { assembleMessage } from '../../contract/openai-message.js';
import {
  type KvHandle,
  kvHandleSchema,
  type RequestResult,
  type RoutedRequest,
} from '../../contract/request.js';
import type { WorkerRole } from '../../contract/worker.js';
import type { Cancellation } from '../../engines/cancellation.js';
import type { Engine, EngineRequest } from '../../engines/engine.js';
import type { EmittingRun, TokenEmitter } from '../../queues/emitter.js';
import { claimJournal } from '../../queues/journal.js';
import type { Keys } from '../../queues/keys.js';
import { inSpan } from '../../tracing/tracing.js';
import type { GpuShare } from './gpu-share.js';

/** Why a run was aborted. */
export type AbortCause = 'cancel' | 'requeue' | 'overtaken';

/** A request on this worker, from the moment it was taken. */
export interface Run extends EmittingRun {
  request: RoutedRequest;
  startedAtMs: number;
  abort: Cancellation;
  cause: AbortCause | undefined;
  /** Reading of the worker's GpuShare when it began. */
  gpuMark: number;
  /** GPU-seconds that a prefill worker spent on it. */
  prefillGpuSeconds: number;
  /** GPU-seconds that it used in all, once it has ended. */
  gpuSeconds: number;
  /** Set when the request was generated to its end. */
  result?: RequestResult;
}

export interface RunContext {
  pool: PoolConfig;
  role: WorkerRole;
  engine: Engine;
  emitter: TokenEmitter;
  redis: Redis;
  keys: Keys;
  gpus: GpuShare;
  now: () => number;
  /** A request got its first token, or was found to have it from a run before. */
  began: (request: RoutedRequest) => void;
  /** A run has left the engine, however it ended there. */
  left: (run: Run) => void;
}

/** GPU-seconds that a request has used so far. */
export function gpuSecondsOf({ gpus, now }: RunContext, run: Run): number {
  return run.prefillGpuSeconds + gpus.used(run.gpuMark, now());
}

/** Why a request must not reach the engine; undefined: it may. */
export function refusal(request: RoutedRequest, nowMs: number): SluiceError | undefined {
  if (request.cancelled === true)
    return new SluiceError('cancelled', 'cancelled by the client while it waited');
  return expiry(request, nowMs);
}

/**
 * Generates a taken request to its end, continuing after what an earlier run emitted.
 * Resolves with the job's return value. Errors: `engine_failed`, `cancelled`, `expired`; rejects with anything when
 * `run.cause` is set.
 */
export async function runRequest(context: RunContext, run: Run, job: Job): Promise<RequestResult | KvHandle> {
  const { request } = run;
  const handedOver = context.role === 'vllm' && request.disaggregated === true;
  let phase: EngineRequest['phase'] = context.role === 'prefill' ? 'prefill' : 'whole';
  let transfer: KvHandle['transfer'];
  if (handedOver) {
    const handle = await handOver(job);
    if (handle !== undefined) {
      phase = 'decode';
      transfer = handle.transfer;
      run.startedAtMs = handle.startedAtMs;
      run.prefillGpuSeconds = handle.gpuSeconds ?? 0;
    }
  }
  if (handedOver || job.attemptsStarted > 1) {
    const claimed = await claimJournal(context.redis, context.keys, request.pool, request.id, run.fence);
    run.tokens.push(...claimed.tokens);
    run.atMs.push(...claimed.tokens.map(() => 0));
    run.journaled = claimed.tokens.length;
    run.firstTokenAtMs = claimed.firstTokenAtMs;
    if (run.firstTokenAtMs !== null) context.began(request);
  }
  const most = phase === 'prefill' ? 1 : request.maxTokens;
  try {
    if (run.tokens.length < most && endOf(run.tokens) === undefined)
      transfer = await traced(context, run, phase, transfer);
  } finally {
    context.left(run);
  }
  run.abort.throwIfAborted();
  // A single token is the answer's whole text; more must be in the journal before the job completes.
  if (phase !== 'prefill' && run.tokens.length === 1) context.emitter.drop(run);
  else await context.emitter.drained(run);
  run.abort.throwIfAborted();
  if (phase === 'prefill') return kvHandle(context, run, transfer);
  run.result = resultOf(context, run);
  return run.result;
}

/** The same as a span of the request's trace. */
function traced(
  context: RunContext,
  run: Run,
  phase: EngineRequest['phase'],
  transfer: KvHandle['transfer'],
): Promise<KvHandle['transfer']> {
  const { request } = run;
  const began = run.tokens.length;
  const attributes = () => ({
    'sluice.request.id': request.id,
    'sluice.level': request.level,
    'sluice.pool': request.pool,
    'sluice.worker.id': run.workerId,
    'sluice.phase': phase,
    'sluice.queue_seconds': (run.startedAtMs - request.acceptedAtMs) / 1000,
    'gen_ai.operation.name': 'text_completion',
    'gen_ai.request.model': request.model,
    'gen_ai.request.max_tokens': request.maxTokens,
    'gen_ai.usage.input_tokens': request.isl,
  });
  return inSpan(`engine ${request.model}`, attributes, async (span) => {
    const handedOn = await generate(context, run, phase, transfer);
    if (span !== null && run.firstTokenAtMs !== null) {
      span.addEvent('first token', {}, run.firstTokenAtMs);
      span.setAttribute('gen_ai.usage.output_tokens', run.tokens.length - began);
    }
    return handedOn;
  });
}

/** @returns what a prefill engine said for the decode worker. */
async function generate(
  context: RunContext,
  run: Run,
  phase: EngineRequest['phase'],
  transfer: KvHandle['transfer'],
): Promise<KvHandle['transfer']> {
  const { request } = run;
  let handedOn: KvHandle['transfer'];
  const stream = context.engine.generate(
    {
      id: request.id,
      prompt: request.prompt,
      isl: request.isl,
      maxTokens: request.maxTokens,
      emitted: [...run.tokens],
      phase,
      params: request.params,
      transfer,
    },
    run.abort,
  );
  for await (const batch of stream) {
    if (batch.transfer !== undefined) handedOn = batch.transfer;
    if (batch.tokens.length === 0) continue;
    if (run.firstTokenAtMs === null) {
      run.firstTokenAtMs = batch.atMs[0] ?? context.now();
      context.began(request);
    }
    for (const token of batch.tokens) run.tokens.push(token);
    for (const at of batch.atMs) run.atMs.push(at);
    if (request.maxTokens > 1) context.emitter.touch(run);
  }
  return handedOn;
}

/** The KV handle of a finished prefill; undefined: the prefill failed, serve the request whole. */
async function handOver(job: Job): Promise<KvHandle | undefined> {
  for (const value of Object.values(await job.getChildrenValues())) {
    const handle = kvHandleSchema.safeParse(value);
    if (handle.success) return handle.data;
  }
  const failures = z.record(z.string(), z.string()).parse(await job.getFailedChildrenValues());
  for (const reason of Object.values(failures)) {
    const error = SluiceError.fromReason(reason);
    if (error.code === 'expired' || error.code === 'cancelled' || error.code === 'overloaded') throw error;
  }
  return undefined;
}

function kvHandle(context: RunContext, run: Run, transfer: KvHandle['transfer']): KvHandle {
  return {
    requestId: run.id,
    workerId: run.workerId,
    kvTokens: run.request.isl,
    startedAtMs: run.startedAtMs,
    firstTokenAtMs: run.firstTokenAtMs,
    gpuSeconds: gpuSecondsOf(context, run),
    ...(transfer === undefined ? {} : { transfer }),
  };
}

/** TTFT = first token - accepted; ITL = (last token - first token) / (tokens - 1). */
function resultOf(context: RunContext, run: Run): RequestResult {
  const { request } = run;
  const finishedAtMs = context.now();
  const firstTokenAtMs = run.firstTokenAtMs ?? finishedAtMs;
  const end = endOf(run.tokens);
  const made = end === undefined ? run.tokens.length : run.tokens.length - 1;
  const usage = end?.usage ?? { promptTokens: request.isl, completionTokens: made };
  const lastTokenAtMs = run.atMs[made - 1] || finishedAtMs;
  const ttftSeconds = Math.max(0, firstTokenAtMs - request.acceptedAtMs) / 1000;
  const gaps = usage.completionTokens - 1;
  const itlSeconds = gaps > 0 ? Math.max(0, lastTokenAtMs - firstTokenAtMs) / 1000 / gaps : null;
  const ttftTarget = request.targets?.ttftSeconds ?? context.pool.targets.ttftSeconds;
  const itlTarget = request.targets?.itlSeconds ?? context.pool.targets.itlSeconds;
  return {
    id: run.id,
    text: textOf(run.tokens),
    finishReason: end?.finishReason ?? (made >= request.maxTokens ? 'length' : 'stop'),
    usage,
    ...(usage.completionTokens === run.tokens.length ? {} : { entries: run.tokens.length }),
    ...(end === undefined ? {} : endFields(end, assembleMessage(run.tokens))),
    level: request.level,
    pool: request.pool,
    ...(request.relegatedFrom === undefined ? {} : { relegatedFrom: request.relegatedFrom }),
    workerId: run.workerId,
    acceptedAtMs: request.acceptedAtMs,
    startedAtMs: run.startedAtMs,
    firstTokenAtMs,
    finishedAtMs,
    gpuSeconds: Math.round(gpuSecondsOf(context, run) * 1e6) / 1e6,
    ttftSeconds,
    itlSeconds,
    attained: ttftSeconds <= ttftTarget && (itlSeconds === null || itlSeconds <= itlTarget),
  };
}

function endFields(end: TokenEnd, message: RequestResult['message']): Partial<RequestResult> {
  const { engineUsage, stopReason } = end;
  return {
    ...(engineUsage === undefined ? {} : { engineUsage }),
    ...(stopReason === undefined ? {} : { stopReason }),
    ...(message === undefined ? {} : { message }),
  };
}

/** Ends a run early; the first cause counts. */
export function abort(run: Run, cause: AbortCause): void {
  if (run.cause !== undefined) return;
  run.cause = cause;
  run.abort.abort(new Error(cause));
}
