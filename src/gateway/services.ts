import type { Logger } from 'pino';
import type { Config } from '../config/types.js';
import type { SluiceClient } from '../scheduler/client.js';

/** What every route works with; made once by `startGateway`. */
export interface GatewayServices {
  config: Config;
  client: SluiceClient;
  log: Logger;
  /** Unix ms. */
  now: () => number;
  /** The gateway is shutting down: it takes no new request. */
  stopping: () => boolean;
}
