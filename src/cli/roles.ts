import { Command } from 'commander';
import { startGateway } from '../gateway/start.js';
import { allocatorRole } from '../gpu/start.js';
import { Ingress } from '../scheduler/ingress.js';
import { startPlanner } from '../scheduler/planner-loop/start.js';
import { roleMain } from '../scheduler/role.js';
import { workerMain } from '../scheduler/worker/process.js';

/** Each role as a command of its own, for installations that do not use `sluice up`. All read REDIS_URL. */
export function roleCommands(): Command[] {
  return [
    role('ingress', 'take plain jobs from the requests queue').action((_flags, command: Command) =>
      roleMain('ingress', argvOf(command), async ({ config, redisUrl, log }) => {
        const ingress = await Ingress.start(config, redisUrl, log);
        return () => ingress.stop();
      }),
    ),
    role('gateway', "serve OpenAI's API over HTTP, and metrics at /metrics", { ownMetrics: true })
      .option('--port <port>', 'port to listen on, in place of the configured one; 0: a free one')
      .option('--host <address>', 'address to listen on, in place of the configured one')
      .option('--auth <mode>', 'none or keys, in place of the configured one')
      .action((_flags, command: Command) =>
        roleMain('gateway', argvOf(command), startGateway, { drains: true, ownMetrics: true }),
      ),
    role('planner', 'plan for one pool')
      .argument('<pool>', 'pool name')
      .option(
        '--inspect <url>',
        "show it to a relay of Stately's inspector on this machine (ws://127.0.0.1:8080)",
      )
      .action((_pool, _flags, command: Command) =>
        roleMain('planner', argvOf(command), async (context) =>
          startPlanner(context.args[0], context, (line) => process.stderr.write(`${line}\n`)),
        ),
      ),
    role('allocator', 'lease GPUs and start workers')
      .option('--stop-workers', 'stop the workers too when this is stopped')
      .action((_flags, command: Command) => roleMain('allocator', argvOf(command), allocatorRole)),
    new Command('worker')
      .description('run one worker, as the allocator starts it')
      .requiredOption('--role <role>', 'vllm or prefill')
      .requiredOption(
        '--spec <json>',
        'the lease and the GPUs, as the allocator writes them (src/contract/spec.ts)',
      )
      .action((flags: { role: string; spec: string }) =>
        workerMain(flags.role === 'prefill' ? 'prefill' : 'vllm', ['', '', '--spec', flags.spec]),
      ),
  ];
}

function role(name: string, description: string, { ownMetrics = false } = {}): Command {
  const command = new Command(name)
    .description(`${description} (role; Redis from REDIS_URL)`)
    .option('-c, --config <file>', 'configuration file; without one the presets')
    .option('--data <dir>', 'folder of logs')
    .option('--owner <pid>', 'end when this process is gone');
  if (ownMetrics) return command;
  return command.option(
    '--metrics <host:port>',
    'where to show metrics (default SLUICE_METRICS, else a free port of this machine); off',
  );
}

/** The role's arguments, as its own entry under workers/ would get them. */
function argvOf(command: Command): string[] {
  const at = process.argv.indexOf(command.name());
  return [process.argv[0] ?? '', process.argv[1] ?? '', ...process.argv.slice(at + 1)];
}
