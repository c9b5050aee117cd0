import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { SluiceError } from '../../contract/errors.js';
import type { SimEngine } from '../sim/live.js';
import { Answer } from './answer.js';
import { type Asked, HttpError } from './asked.js';
import type { Fate } from './faults.js';
import type { SimMetrics } from './metrics.js';

export interface Serving {
  engine: SimEngine;
  model: string;
  metrics: SimMetrics;
  /** The engine's clock, ms. */
  now: () => number;
  /** Real time over the engine's. */
  slow: () => number;
  /** `kv_transfer_params` of a finished prefill. */
  offer: (requestId: string) => Record<string, unknown> | undefined;
}

/**
 * Runs a request on the engine and writes its answer: a stream as it comes, or whole. `cutAfter`: tokens after which
 * the connection is cut. Errors: HttpError before anything was written.
 */
export async function serve(
  serving: Serving,
  asked: Asked,
  raw: ServerResponse,
  signal: AbortSignal,
  cutAfter: number,
): Promise<void> {
  const { engine, metrics, model } = serving;
  const arrivedMs = serving.now();
  const answer = new Answer(asked, model, Date.now());
  const tokens = engine.generate(asked.engine, signal)[Symbol.asyncIterator]();
  let next = tokens.next();
  await refused(next);
  if (asked.stream) {
    raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    raw.flushHeaders();
  }
  // As vLLM does: the chunk with the role goes with the first token, not before it.
  let chunks = answer.opening();
  metrics.promptTokens += asked.engine.isl;
  const most = asked.engine.maxTokens - asked.engine.emitted.length;
  let lastMs = arrivedMs;
  for (let step = await next; step.done !== true; step = await next) {
    for (const atMs of step.value.atMs) {
      const seconds = ((atMs - lastMs) / 1000) * serving.slow();
      if (lastMs === arrivedMs) metrics.ttft.observe(seconds);
      else metrics.itl.observe(seconds);
      lastMs = atMs;
    }
    for (const token of step.value.tokens) {
      chunks += answer.token(token, answer.tokens + 1 === most);
      if (answer.stopReason !== null || answer.tokens >= cutAfter) break;
    }
    if (asked.stream && chunks !== '' && !raw.write(chunks))
      await Promise.race([once(raw, 'drain'), once(raw, 'close')]);
    chunks = '';
    if (answer.tokens >= cutAfter) {
      raw.destroy();
      await tokens.return?.();
      return;
    }
    if (answer.stopReason !== null) {
      await tokens.return?.();
      break;
    }
    next = tokens.next();
  }
  metrics.finish(answer.finishReason);
  const kv = asked.keepsKv ? serving.offer(asked.engine.id) : undefined;
  if (asked.stream) raw.end(chunks + answer.closing(kv));
  else raw.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer.whole(kv)));
}

/** Tokens after which a request that is to be cut is cut; only a stream is. */
export function cutPoint(fate: Fate, asked: Asked, roll: () => number): number {
  if (fate !== 'cut' || !asked.stream) return Number.POSITIVE_INFINITY;
  return 1 + Math.floor(roll() * (asked.engine.maxTokens - asked.engine.emitted.length));
}

/** An engine that will not take a request says so at once. */
async function refused(first: Promise<unknown>): Promise<void> {
  const turn = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)));
  const error: unknown = await Promise.race([
    first.then(() => undefined).catch((reason: unknown) => reason),
    turn,
  ]);
  if (error === undefined) return;
  const { code, message } = SluiceError.from(error);
  // In the words by which clients of vLLM tell this from other bad requests.
  const words =
    code === 'prompt_too_long' ? `This model's maximum context length is exceeded: ${message}` : message;
  throw new HttpError(400, 'BadRequestError', words);
}
