import { startPlanner } from '../src/scheduler/planner-loop/start.js';
import { roleMain } from '../src/scheduler/role.js';

/** Plans for the pool that its first argument names: `planner POOL`. */
await roleMain('planner', process.argv, async (context) =>
  startPlanner(context.args[0], context, (line) => process.stderr.write(`${line}\n`)),
);
