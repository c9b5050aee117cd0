import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Config } from '../config/types.js';
import type { Dashboard } from '../dashboard/dashboard.js';
import type { Keys } from '../queues/keys.js';
import type { SluiceClient } from '../scheduler/client.js';

import type { KeyCache } from './key-cache.js';
import type { Gauges } from './requests/gauge.js';
import type { Webhooks } from './webhooks/webhooks.js';
import type { Revocations } from './revocations.js';

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
  gauges: Gauges;
  webhooks: Webhooks;
  /** Unix ms. */
  now: () => number;
  /** The gateway is shutting down: it takes no new request. */
  stopping: () => boolean;
}
