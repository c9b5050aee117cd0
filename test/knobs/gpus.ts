import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import type { WorkerFailure } from '../../src/contract/lease.js';
import { inventoryOf } from '../../src/gpu/core/inventory.js';
import { afterCrash } from '../../src/gpu/core/restarts.js';
import { workerSizes } from '../../src/gpu/worker-size.js';
import { type Knob, knob, poolKnob, poolOf } from './knob.js';
import { allocate, heartbeat, NOW, observe } from './looks.js';

/** Who gets which GPUs and keeps them, by the fields of the file. */
export const GPUS: Knob[] = [
  poolKnob('gpu_budget.guaranteed', {
    says: 'of eight GPUs another pool that wants eight gets what is not kept for this one: six, then four',
    given: { 'pools.q.gpu_budget': { guaranteed: 1, ceiling: 8 }, 'pools.q.max_workers': 8 },
    to: 4,
    see: (config) => allocate(config, 'q', { decode: 8 }).grant?.granted.decode,
    show: (before, after) => expect([before, after]).toEqual([6, 4]),
  }),
  poolKnob('gpu_budget.ceiling', {
    says: 'the ledger leases no GPU over it, whatever is ordered',
    to: 3,
    see: (config) => allocate(config, 'p', { decode: 6 }).start.length,
    show: (before, after) => expect([before, after]).toEqual([4, 3]),
  }),
  poolKnob('max_workers', {
    says: 'the ledger leases to no worker over it, whatever is ordered',
    to: 3,
    see: (config) => allocate(config, 'p', { decode: 6 }).start.length,
    show: (before, after) => expect([before, after]).toEqual([4, 3]),
  }),
  poolKnob('tensor_parallelism.decode', {
    says: 'auto takes the fewest GPUs that the profile needs for the targets, and says why',
    given: { 'pools.p.itl_target': 0.005, 'pools.p.performance_buffer': 1 },
    to: 'auto',
    see: (config) => workerSizes(poolOf(config)).vllm,
    show: (before, after) => {
      expect(before).toEqual({ tp: 1, why: 'as configured' });
      expect(after).toMatchObject({ tp: 2, why: expect.stringContaining('fewest GPUs') });
    },
  }),
  poolKnob('tensor_parallelism.prefill', {
    says: 'a prefill worker leases two GPUs',
    to: 2,
    see: (config) => allocate(config, 'p', { prefill: 1 }).start.map((lease) => lease.gpus.length),
    show: (before, after) => expect([before, after]).toEqual([[1], [2]]),
  }),
  knob('inventory.hosts', {
    says: 'the GPUs there are: of eight each pool gets what it orders, of four the second gets the one kept for it',
    to: [{ name: 'localhost', islands: [[0, 1, 2, 3]] }],
    given: { 'pools.p.gpu_budget.guaranteed': 1, 'pools.q.gpu_budget': { guaranteed: 1, ceiling: 2 } },
    see: (config) => ({
      gpus: inventoryOf(config.inventory).length,
      grant: allocate(config, 'q', { decode: 2 }, allocate(config, 'p', { decode: 4 }).ledger).grant?.granted,
    }),
    show: (before, after) => {
      expect(before).toEqual({ gpus: 8, grant: { prefill: 0, decode: 2 } });
      expect(after).toEqual({ gpus: 4, grant: { prefill: 0, decode: 1 } });
    },
  }),
  knob('inventory.hosts', {
    says: 'workers of TP 2 take their GPUs from one island: islands of two, one and one hold one of them',
    given: {
      'inventory.hosts': [{ name: 'localhost', islands: [[0, 1, 2, 3]] }],
      'pools.p.tensor_parallelism.decode': 2,
      'pools.p.gpu_budget.guaranteed': 4,
      'pools.q.gpu_budget.guaranteed': 0,
      'pools.q.min_workers': 0,
    },
    to: [{ name: 'localhost', islands: [[0, 1], [2], [3]] }],
    see: (config) => {
      const { grant } = allocate(config, 'p', { decode: 2 });
      return [grant?.granted.decode, grant?.shortage];
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        [2, 'none'],
        [1, 'placement'],
      ]),
  }),
  knob('inventory.hosts', {
    says: 'GPUs bear the name of their host',
    to: [{ name: 'node-7', islands: [[0, 1, 2, 3, 4, 5, 6, 7]] }],
    see: (config) => allocate(config, 'p', { decode: 1 }).start[0]?.gpus,
    show: (before, after) => expect([before, after]).toEqual([['localhost:0'], ['node-7:0']]),
  }),
  knob('worker.lease_seconds', {
    says: 'a worker that was not heard for 12 s has lost its GPUs after 10 s, not after 20',
    to: 20,
    see: (config) => {
      const lost = { atMs: NOW - 12_000 };
      const { ledger } = allocate(config, 'p', { decode: 1 });
      const [lease] = Object.values(ledger.leases);
      return {
        workers: observe(config, { heartbeats: [JSON.stringify(heartbeat(lost))] }).workers.decode.ready,
        leasedMs: (lease?.expiresAtMs ?? 0) - NOW,
      };
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        { workers: 0, leasedMs: 10_000 },
        { workers: 1, leasedMs: 20_000 },
      ]),
  }),
  knob('worker.max_restarts', {
    says: 'a worker that crashed three times in a row is given up after two restarts, not after five',
    to: 2,
    see: (config) => crashes(config, 3).gaveUp,
    show: (before, after) => expect([before, after]).toEqual([false, true]),
  }),
  knob('worker.restart_backoff_seconds', {
    says: 'after the third crash a worker waits four times as long as after the first: 4 s, then 8 s',
    to: 2,
    see: (config) => {
      const { atMs, retryAtMs } = crashes(config, 3);
      return retryAtMs - atMs;
    },
    show: (before, after) => expect([before, after]).toEqual([4000, 8000]),
  }),
  poolKnob('expected_isl', {
    says: 'auto sizes for it: prompts of 20,000 tokens need a second GPU for their TTFT',
    given: { 'pools.p.tensor_parallelism.decode': 'auto', 'pools.p.ttft_target': 0.6 },
    to: 20_000,
    see: (config) => workerSizes(poolOf(config)).vllm.tp,
    show: (before, after) => expect([before, after]).toEqual([1, 2]),
  }),
];

/** The books after so many crashes in a row, a second apart. */
function crashes(config: Config, count: number) {
  const about = {
    pool: 'p',
    role: 'vllm' as const,
    workerId: 'w',
    reason: 'exit code 1',
    logTail: [],
    readySeconds: 0,
  };
  let failure: WorkerFailure | null = null;
  for (let i = 0; i < count; i++) {
    const atMs = NOW + i * 100_000;
    failure = afterCrash(failure, { ...about, startedMs: atMs - 500 }, config.worker, atMs);
  }
  return failure!;
}
