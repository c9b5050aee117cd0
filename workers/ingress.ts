import { Ingress } from '../src/scheduler/ingress.js';
import { roleMain } from '../src/scheduler/role.js';

/** Moves plain jobs from the `requests` queue into the pools. */
await roleMain('ingress', process.argv, async ({ config, redisUrl, log }) => {
  const ingress = await Ingress.start(config, redisUrl, log);
  return () => ingress.stop();
});
