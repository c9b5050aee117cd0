import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config/types.js';
import type { WorkerRole } from '../contract/worker.js';
import type { Keys } from '../queues/keys.js';
import type { Actuator } from './actuator.js';
import type { NewId } from './core/plan.js';

/** What every part of the allocator works with. */
export interface AllocatorContext {
  redis: Redis;
  keys: Keys;
  config: Config;
  /** GPUs per worker by pool and role, with `auto` resolved. */
  tp: Record<string, Record<WorkerRole, number>>;
  actuator: Actuator;
  newId: NewId;
  log: Logger;
  /** What started workers are told; see WorkerSpec. */
  configFile: string | null;
  dataDir: string;
  ownerPid: number | null;
}
