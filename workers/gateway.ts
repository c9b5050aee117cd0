import { startGateway } from '../src/gateway/start.js';
import { roleMain } from '../src/scheduler/role.js';

/** The HTTP front door: OpenAI's API, and Sluice's own. */
await roleMain('gateway', process.argv, startGateway, { drains: true, ownMetrics: true });
