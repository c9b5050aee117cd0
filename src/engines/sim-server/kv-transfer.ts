import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Profile } from '../../profile/types.js';
import type { SimEngine } from '../sim/live.js';
import { BLOCK_TOKENS } from '../sim/types.js';
import type { RemoteKv } from './asked.js';
import type { SimMetrics } from './metrics.js';

/** Where a decode engine asks for KV; stands for the side channel of vLLM's NixlConnector. */
export const TAKE_PATH = '/sim/kv/take';
export const takeSchema = z.object({ engine_id: z.string(), request_id: z.string() });
const TAKE_LIMIT_MS = 5_000;

/**
 * The hand-over of KV between a prefill and a decode engine, in the words of vLLM's NixlConnector: a request with
 * `do_remote_decode` is answered with where its blocks are; the request that brings that along fetches them.
 */
export class KvTransfer {
  readonly engineId = randomUUID();
  #nextBlock = 0;

  constructor(
    private readonly engine: SimEngine,
    private readonly profile: Profile,
    private readonly metrics: SimMetrics,
  ) {}

  /** `kv_transfer_params` of a finished prefill; undefined: its KV is not kept. */
  offer(requestId: string, host: string, port: number): Record<string, unknown> | undefined {
    const tokens = this.engine.handover(requestId);
    if (tokens === null) return undefined;
    this.metrics.transfers.kept++;
    const blocks = Math.ceil(tokens / BLOCK_TOKENS);
    const from = this.#nextBlock;
    this.#nextBlock = (this.#nextBlock + blocks) % 1_000_000;
    return {
      do_remote_prefill: true,
      do_remote_decode: false,
      remote_block_ids: Array.from({ length: blocks }, (_, i) => from + i),
      remote_engine_id: this.engineId,
      remote_request_id: requestId,
      remote_host: host,
      remote_port: port,
    };
  }

  /** Gives kept KV to a decode engine, and lets it go once it has been moved. null: it is not here (any more). */
  give({ engine_id, request_id }: z.output<typeof takeSchema>): { tokens: number } | null {
    const tokens = engine_id === this.engineId ? this.engine.handover(request_id) : null;
    if (tokens === null) return null;
    this.metrics.transfers.given++;
    const ms = ((tokens * this.profile.kvBytesPerToken) / this.profile.transferBytesPerSecond) * 1000;
    setTimeout(() => this.engine.releaseHandover(request_id), ms).unref();
    return { tokens };
  }

  /** Asks the prefill engine for KV. Its time on the wire is the sim core's, not this call's. False: it has none. */
  async fetch(remote: RemoteKv): Promise<boolean> {
    const host = remote.remote_host.includes(':') ? `[${remote.remote_host}]` : remote.remote_host;
    try {
      const answer = await fetch(`http://${host}:${remote.remote_port}${TAKE_PATH}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ engine_id: remote.remote_engine_id, request_id: remote.remote_request_id }),
        signal: AbortSignal.timeout(TAKE_LIMIT_MS),
      });
      await answer.body?.cancel();
      if (answer.ok) this.metrics.transfers.fetched++;
      else this.metrics.transfers.failed++;
      return answer.ok;
    } catch {
      this.metrics.transfers.failed++;
      return false;
    }
  }
}
