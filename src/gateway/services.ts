import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config/types.js';
import type { Dashboard } from '../dashboard/dashboard.js';
import type { Keys } from '../queues/keys.js';
import type { SluiceClient } from '../scheduler/client.js';
import type { Admission } from './admission/admission.js';
import type { Files } from './batches/files.js';
import type { BatchRunner } from './batches/runner.js';
import type { BatchStore } from './batches/store.js';
import type { KeyCache } from './key-cache.js';
import type { Monitor } from './monitor/monitor.js';
import type { Revocations } from './revocations.js';
import type { Webhooks } from './webhooks/webhooks.js';

/** What every route works with; made once by `startGateway`. */
export interface GatewayServices {
  config: Config;
  client: SluiceClient;
  redis: Redis;
  keys: Keys;
  revocations: Revocations;
  dashboard: Dashboard;
  log: Logger;
  known: KeyCache;
  admission: Admission;
  monitor: Monitor;
  webhooks: Webhooks;
  files: Files;
  batchStore: BatchStore;
  batchRunner: BatchRunner;
  /** Unix ms. */
  now: () => number;
  /** The gateway is shutting down: it takes no new request. */
  stopping: () => boolean;
  /** Cancels of requests whose clients have left, for as long as they are under way: a gateway ends after them. */
  leaving: Set<Promise<unknown>>;
}

/** What sending a request takes. */
export type SendServices = Omit<GatewayServices, 'batchRunner'>;
