import { allocatorRole } from '../src/gpu/start.js';
import { roleMain } from '../src/scheduler/role.js';

/** Leases GPUs to workers as the scale orders want, and starts and stops the workers. */
await roleMain('allocator', process.argv, allocatorRole);
