import { cpSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { defaultConfig } from '../../src/config/presets.js';
import type { Config, PoolConfig } from '../../src/config/types.js';
import type { Lease } from '../../src/contract/lease.js';
import type { ScaleOrder } from '../../src/contract/scale.js';
import { readLeases } from '../../src/gpu/state.js';
import { Keys } from '../../src/queues/keys.js';
import { compileForChild } from '../support/compile.js';

export const WORKER_FIXTURE = fileURLToPath(new URL('./fixtures/worker.js', import.meta.url));
export const ALLOCATOR_FIXTURE = fileURLToPath(new URL('./fixtures/allocator.js', import.meta.url));

/** One host `h` with two islands of four GPUs; TP 1, no floor; pools as given. Short times for tests. */
export function gpuConfig(namespace: string, pools: Record<string, Partial<PoolConfig>>): Config {
  const config = defaultConfig();
  const base = Object.values(config.pools)[0]!;
  return {
    ...config,
    namespace,
    inventory: {
      hosts: [
        {
          name: 'h',
          islands: [
            [0, 1, 2, 3],
            [4, 5, 6, 7],
          ],
        },
      ],
    },
    pools: Object.fromEntries(
      Object.entries(pools).map(([name, fields]) => [
        name,
        {
          ...base,
          name,
          level: name,
          tensorParallelism: { prefill: 1, decode: 1 },
          gpuBudget: { guaranteed: 2, ceiling: 2 },
          maxWorkers: 8,
          engine: { kind: 'noop' },
          ...fields,
        },
      ]),
    ),
    worker: {
      heartbeatSeconds: 0.5,
      leaseSeconds: 4,
      drainSeconds: 5,
      maxRestarts: 2,
      restartBackoffSeconds: 0.2,
    },
    queues: { ...config.queues, lockSeconds: 2 },
  };
}

export function order(pool: string, generation: number, decode: number, prefill = 0): ScaleOrder {
  return { pool, generation, prefill, decode, reason: 'test', observationId: 'o' };
}

/** Compiles what the fixtures import; call once before they start. Returns the modules' addresses. */
export async function compileFixtures(namespace: string): Promise<{ start: string; local: string }> {
  const start = await compileForChild('src/gpu/start.ts');
  const local = await compileForChild('src/gpu/local-actuator.ts');
  process.env.SLUICE_TEST_LEDGER = await compileForChild('src/gpu/ledger.ts');
  process.env.SLUICE_TEST_KEYS = await compileForChild('src/queues/keys.ts');
  process.env.SLUICE_TEST_NAMESPACE = namespace;
  const out = dirname(fileURLToPath(start));
  cpSync(join(process.cwd(), 'src/gpu/lua'), join(out, 'lua'), { recursive: true });
  return { start, local };
}

/** What a test does with an installation from outside: orders, and a look at leases. */
export class Outside {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly scale: Queue;

  constructor(url: string, namespace: string) {
    this.redis = new Redis(url, { maxRetriesPerRequest: null });
    this.redis.on('error', () => {});
    this.keys = new Keys(namespace);
    this.scale = new Queue(this.keys.scaleQueue, { connection: this.redis, prefix: this.keys.gpuPrefix() });
    this.scale.on('error', () => {});
  }

  leases(): Promise<Lease[]> {
    return readLeases(this.redis, this.keys);
  }

  async send(data: unknown): Promise<string> {
    const job = await this.scale.add('scale', data);
    return job.id!;
  }

  /** The job's return value once it completed; throws its failed reason. */
  async answer(jobId: string): Promise<unknown> {
    const job = await eventually(async () => {
      const found = await this.scale.getJob(jobId);
      return found?.finishedOn ? found : null;
    });
    if (job.failedReason) throw new Error(job.failedReason);
    return job.returnvalue;
  }

  async close(): Promise<void> {
    await this.scale.close();
    this.redis.disconnect();
  }
}

/** Waits until `look` returns something; fails with the last error or value after `seconds`. */
export async function eventually<T>(look: () => Promise<T | null | false>, seconds = 40): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const found = await look();
      if (found) return found;
      last = found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`did not happen within ${seconds} s; last: ${last instanceof Error ? last.message : last}`);
}
