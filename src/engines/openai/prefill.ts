import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import { parseJson } from '../../contract/reply.js';
import type { TokenBatch } from '../engine.js';
import type { HttpAsk } from './body.js';
import { type EngineClient, readText } from './client.js';

const ANSWER_BYTES = 16 * 1024 * 1024;
const answerSchema = z.looseObject({
  kv_transfer_params: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * The first half of a disaggregated request: no token, but where its KV is. An engine that keeps none (no KV connector)
 * gives none; the second half is then served whole.
 */
export function prefill(
  client: EngineClient,
  ask: HttpAsk,
  name: string,
  limitMs: number,
): AsyncIterable<TokenBatch> & { fail(error: unknown): void } {
  const abort = new AbortController();
  let reason: unknown;
  const fail = (error: unknown) => {
    reason ??= error;
    abort.abort();
  };
  async function* run(): AsyncGenerator<TokenBatch> {
    const late = () =>
      fail(new SluiceError('engine_failed', `the engine failed: no prefill in ${limitMs / 1000} s`));
    const timer = setTimeout(late, limitMs);
    try {
      const body = await client.post(ask.path, ask.body, name, 'application/json', abort.signal);
      const answer = answerSchema.safeParse(parseJson(await readText(body, ANSWER_BYTES)));
      if (!answer.success)
        throw new SluiceError('engine_protocol', 'the engine sent a completion that is none');
      const { kv_transfer_params } = answer.data;
      if (kv_transfer_params != null) yield { tokens: [], atMs: [], transfer: kv_transfer_params };
    } catch (error) {
      throw reason ?? error;
    } finally {
      clearTimeout(timer);
    }
  }
  return { [Symbol.asyncIterator]: run, fail };
}
