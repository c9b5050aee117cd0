import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../config/types.js';
import type { Keys } from './keys.js';

/** Every BullMQ queue of an installation, to look at: `level.role` of each pool, and those that pools share. */
export class AllQueues {
  /** By the name that is shown. A level that several pools serve is told apart by its pools' names. */
  readonly byName: ReadonlyMap<string, Queue>;

  constructor(connection: Redis, keys: Keys, config: Config) {
    const queue = (name: string, prefix: string) => {
      const made = new Queue(name, { connection, prefix, skipVersionCheck: true });
      // A lost connection shows as waiting commands; without a listener it would end the process.
      made.on('error', () => {});
      return made;
    };
    const pools = Object.values(config.pools);
    const byName = new Map<string, Queue>();
    for (const { name, level } of pools.toSorted((a, b) => a.priority - b.priority)) {
      const shown = pools.filter((pool) => pool.level === level).length === 1 ? level : name;
      byName.set(`${shown}.decode`, queue(keys.decodeQueue(name), keys.poolPrefix(name)));
      byName.set(`${shown}.prefill`, queue(keys.prefillQueue(name), keys.poolPrefix(name)));
    }
    byName.set(keys.requestsQueue, queue(keys.requestsQueue, config.queues.requestsPrefix));
    byName.set(keys.scaleQueue, queue(keys.scaleQueue, keys.gpuPrefix()));
    byName.set(keys.webhooksQueue, queue(keys.webhooksQueue, keys.tenants()));
    this.byName = byName;
  }

  async close(): Promise<void> {
    await Promise.all([...this.byName.values()].map((queue) => queue.close()));
  }
}
