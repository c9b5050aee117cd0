import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config/types.js';
import { connect } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import type { Actuator } from './actuator.js';
import { Allocator } from './allocator.js';
import { LocalActuator } from './local-actuator.js';
import { workerSizes } from './worker-size.js';

export interface AllocatorOptions {
  config: Config;
  /** null: the presets. */
  configFile: string | null;
  redisUrl: string;
  dataDir: string;
  ownerPid: number | null;
  log: Logger;
  /** How workers are run; absent: as processes of this machine. */
  actuator?: Actuator;
}

/** How an allocator ends, see `Allocator`. */
interface RunningAllocator {
  stop: (how: { stopWorkers: boolean }) => Promise<void>;
  hurry: () => void;
}

/** The allocator role. Only one that stops its workers can hurry them. Errors: those of `startAllocator`. */
export async function allocatorRole({
  stopWorkers,
  ...options
}: AllocatorOptions & { stopWorkers: boolean }): Promise<
  (() => Promise<void>) | { stop: () => Promise<void>; hurry: () => void }
> {
  const { stop, hurry } = await startAllocator(options);
  const end = () => stop({ stopWorkers });
  return stopWorkers ? { stop: end, hurry } : end;
}

/**
 * Starts a GPU allocator in this process.
 * Errors: `invalid_config` when a pool's `tensor_parallelism: auto` has no answer.
 */
export async function startAllocator(options: AllocatorOptions): Promise<RunningAllocator> {
  const { config, redisUrl, log, ownerPid } = options;
  const dataDir = resolve(options.dataDir);
  const sizes = Object.entries(config.pools).map(([name, pool]) => {
    const { vllm, prefill } = workerSizes(pool);
    return [name, { vllm: vllm.tp, prefill: prefill.tp }] as const;
  });
  const redis = connect(redisUrl, 'plain');
  const allocator = new Allocator(
    {
      redis,
      keys: new Keys(config.namespace),
      config,
      tp: Object.fromEntries(sizes),
      actuator: options.actuator ?? new LocalActuator({ redisUrl, dataDir }),
      newId: () => randomUUID().slice(0, 8),
      log,
      configFile: options.configFile === null ? null : resolve(options.configFile),
      dataDir,
      ownerPid,
    },
    redisUrl,
  );
  await allocator.start();
  return {
    async stop(how) {
      await allocator.stop(how);
      redis.disconnect();
    },
    hurry: () => allocator.hurry(),
  };
}
