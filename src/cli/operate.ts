import { Command, Option } from 'commander';
import { readEnvironment } from '../config/environment.js';
import { SluiceError } from '../contract/errors.js';
import { configCheck, configShow } from './config.js';
import { liveMachines } from './machines/live.js';
import { machinesCommand } from './machines/print.js';
import { scaleCommand } from './scale.js';
import { runStatus } from './status.js';
import { findSystem } from './system.js';

interface SystemFlags {
  config?: string;
  data?: string;
  json?: boolean;
}

interface ScaleFlags {
  pause?: boolean;
  resume?: boolean;
  min?: number;
  advisory?: boolean;
  active?: boolean;
}

/** Options of every command that speaks to a running system. */
function onSystem(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration of the running system (with REDIS_URL)')
    .option('--data <dir>', 'data folder of the running system');
}

/** `sluice config check FILE` and `sluice config show`. */
export function configCommand(): Command {
  const command = new Command('config').description('check a configuration file, or show the effective one');
  command
    .command('check')
    .description('say whether a file is valid, and everything that is wrong in it')
    .argument('<file>', 'YAML file')
    .option('--json', 'print {valid, notes, errors}, and the feasibility of a valid file')
    .addHelpText('after', '\nExit codes: 0 valid, 2 not.')
    .action((file: string, flags: { json?: boolean }) => {
      process.exitCode = configCheck(file, { json: flags.json === true });
    });
  command
    .command('show')
    .description('print the effective configuration as YAML that loads again')
    .argument('[file]', 'YAML file; without one the presets')
    .option('--json', 'print JSON')
    .action((file: string | undefined, flags: { json?: boolean }) => {
      process.exitCode = configShow(file, { json: flags.json === true });
    });
  return command;
}

/** `sluice status`. */
export function statusCommand(): Command {
  return onSystem(new Command('status'))
    .description('pools, states, workers, GPUs, latency against target, cost')
    .option('-w, --watch', 'once a second until Ctrl-C')
    .option('--json', 'one JSON object; with --watch one a line')
    .addHelpText(
      'after',
      '\nExamples:\n  sluice status --watch\n  sluice status --json | jq .pools.high.state',
    )
    .action(async (flags: SystemFlags & { watch?: boolean }) => {
      const { config, redisUrl } = await findSystem({ configFile: flags.config, dataDir: flags.data });
      const { color } = readEnvironment();
      const json = flags.json === true;
      await runStatus({ config, redisUrl, json, watch: flags.watch === true, color });
    });
}

/** `sluice scale POOL`: the operator's hand on a planner. */
export function scaleCliCommand(): Command {
  return onSystem(new Command('scale'))
    .description("pause or resume a pool's planner, set its floor of workers, or let it only advise")
    .argument('<pool>', 'pool name')
    .option('--pause', 'the planner orders nothing until it is resumed')
    .option('--resume', 'end a pause')
    .option('--min <n>', 'never fewer than n workers', Number)
    .option('--advisory', 'the planner plans and records, and orders nothing (see `sluice explain`)')
    .option('--active', 'end advisory: the planner orders again')
    .addHelpText('after', '\nExamples:\n  sluice scale high --min 2\n  sluice scale low --pause')
    .action(async (pool: string, flags: SystemFlags & ScaleFlags) => {
      const { config, redisUrl } = await findSystem({ configFile: flags.config, dataDir: flags.data });
      const { pause = false, resume = false, min, advisory, active } = flags;
      if (advisory === true && active === true)
        throw new SluiceError('invalid_request', 'expected --advisory or --active, got both');
      const mode = advisory ?? (active === undefined ? undefined : !active);
      const namespace = config.namespace;
      await scaleCommand({
        redisUrl,
        pool,
        namespace,
        pause,
        resume,
        ...(min === undefined ? {} : { min }),
        ...(mode === undefined ? {} : { advisory: mode }),
      });
    });
}

/** `sluice machines`: the state machines, drawn from their definitions, or as they are now. */
export function machinesCliCommand(): Command {
  return onSystem(new Command('machines'))
    .description('print each state machine, or watch those of a pool')
    .addOption(new Option('--format <format>', 'how').choices(['mermaid', 'json']).default('mermaid'))
    .option('--json', 'the same as --format json; with --live each transition as a line')
    .option('--live <pool>', "watch a pool's planner and workers: state, and each transition with its reason")
    .action(async (flags: SystemFlags & { format: 'mermaid' | 'json'; live?: string }) => {
      const json = flags.json === true;
      if (flags.live === undefined) return machinesCommand({ format: json ? 'json' : flags.format });
      const { config, redisUrl } = await findSystem({ configFile: flags.config, dataDir: flags.data });
      await liveMachines({ config, redisUrl, pool: flags.live, json, color: readEnvironment().color });
    });
}
