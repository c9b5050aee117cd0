import { Command } from 'commander';
import { readEnvironment } from '../config/environment.js';
import { assertGuarded } from '../config/guarded.js';
import { inspectTarget } from '../config/inspector.js';
import { defaultConfig, loadConfig } from '../config/load.js';
import type { Config } from '../config/types.js';
import { plainText } from '../contract/plain-text.js';
import { parseJson } from '../contract/reply.js';
import { redactUrl } from '../queues/redis-url.js';
import { portOf } from '../scheduler/role.js';
import { assertProfiles } from './profile-problems.js';
import { dataDirOf } from './up/data-dir.js';
import { hint } from './up/hint.js';
import { serveInspector } from './up/inspector.js';
import { Supervisor } from './up/supervisor.js';

interface UpFlags {
  config?: string;
  data?: string;
  port?: string;
  quiet?: boolean;
  inspect?: string | true;
}

/** `sluice up`: everything on one machine, until Ctrl-C. */
export function upCommand(): Command {
  return new Command('up')
    .description(
      'run everything on this machine: Redis (unless REDIS_URL names one), allocator, planners, ingress, HTTP gateway',
    )
    .option('-c, --config <file>', 'configuration file; without one the three preset tiers on 8 GPUs')
    .option('--data <dir>', 'folder of Redis data, logs and run file (default .sluice, or SLUICE_DATA)')
    .option('--port <port>', 'port of the HTTP gateway, in place of the configured one; 0: a free one')
    .option(
      '--inspect [port or url]',
      "show the planners to Stately's inspector: a relay on this port of loopback (default: 8081, or one that is free), or one that runs (ws://127.0.0.1:8080)",
    )
    .option('-q, --quiet', 'print only what happens to the system, not what the roles say')
    .addHelpText(
      'after',
      `
Examples:
  sluice up                                   the presets, sim engines
  sluice up -c examples/llm/configs/global_scheduler_demo.yaml
  REDIS_URL=redis://10.0.0.5:6379 sluice up   with a Redis of your own
Ctrl-C drains and ends everything; a second Ctrl-C does not wait for running requests: those of
HTTP clients end, the others stay queued.`,
    )
    .action(async (flags: UpFlags) => {
      process.exitCode = await up(flags);
    });
}

async function up(flags: UpFlags): Promise<number> {
  const target = flags.inspect === undefined ? undefined : inspectTarget(flags.inspect);
  const relay = target !== undefined && 'serve' in target ? await serveInspector(target.serve) : undefined;
  try {
    return await run(flags, target !== undefined && 'url' in target ? target.url : relay?.url);
  } finally {
    await relay?.close();
  }
}

/** @param inspectUrl a relay of Stately's inspector to show the planners to; undefined: none. */
async function run(flags: UpFlags, inspectUrl: string | undefined): Promise<number> {
  const config = flags.config === undefined ? defaultConfig() : loadConfig(flags.config);
  assertGuarded(config.gateway);
  assertProfiles(config);
  const dataDir = dataDirOf(flags.data);
  const gatewayPort = flags.port === undefined ? null : portOf(flags.port);
  const say = (line: string) => process.stdout.write(`${line}\n`);
  const onLine = (role: string, line: string) => {
    const text = flags.quiet === true ? undefined : readable(role, line);
    if (text !== undefined) say(text);
  };
  let supervisor: Supervisor | undefined;
  let stopping = false;
  const interrupted = new Promise<void>((resolve) => {
    const interrupt = () => {
      if (!stopping)
        say(
          'stopping: requests that run are finished first (Ctrl-C again: HTTP clients are cut off, others queue)',
        );
      else if (supervisor === undefined)
        process.exit(130); // what provides Redis can only be waited for
      else supervisor.hurry();
      stopping = true;
      void supervisor?.stop();
      resolve();
    };
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
  });
  supervisor = await Supervisor.open({
    config,
    configFile: flags.config ?? null,
    dataDir,
    gatewayPort,
    inspectUrl,
    say,
    onLine,
  });
  try {
    if (!stopping) await supervisor.start();
    if (!stopping)
      for (const line of await greeting(supervisor, { config, flags, dataDir, inspectUrl })) say(line);
  } catch (error) {
    if (!stopping) throw error;
  }
  await interrupted;
  const others = await supervisor.stop();
  say(
    others.length === 0
      ? 'stopped; no process and no leased GPU is left'
      : 'stopped; no process of its own is left, and another system goes on with its queues and GPUs',
  );
  return 0;
}

/** What a system at work tells the people who started it. */
async function greeting(
  supervisor: Supervisor,
  given: { config: Config; flags: UpFlags; dataDir: string; inspectUrl: string | undefined },
): Promise<string[]> {
  const { config, flags, dataDir, inspectUrl } = given;
  const pools = Object.values(config.pools);
  const url = await supervisor.gatewayUrl();
  return [
    `sluice is up: pools ${pools.map(({ name }) => name).join(', ')}; Redis at ${redactUrl(supervisor.redisUrl)}; data in ${dataDir}`,
    ...(url === undefined ? [] : [`dashboard at ${url}/; OpenAI API at ${url}/v1`]),
    ...(inspectUrl === undefined ? [] : [`planners are shown to Stately's inspector at ${inspectUrl}`]),
    hint({
      dataDir,
      configFile: flags.config ?? null,
      redisGiven: readEnvironment().redisUrl !== null,
      level: pools[0]?.level ?? config.defaultLevel,
    }),
  ];
}

/** A role's log line for people; undefined: not worth showing. */
function readable(role: string, line: string): string | undefined {
  const { color } = readEnvironment();
  const entry = parseJson(line);
  const label = color && process.stdout.isTTY ? `\u001b[2m${role.padEnd(14)}\u001b[0m` : role.padEnd(14);
  if (typeof entry !== 'object' || entry === null) return `${label} ${plainText(line)}`;
  const { level, msg, time: _time, ...rest } = { level: 30, msg: '', time: '', ...entry };
  if (typeof level !== 'number' || level < 30) return undefined;
  const details = Object.entries(rest)
    .filter(([, value]) => typeof value !== 'object')
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ');
  return `${label} ${plainText(String(msg))}${details === '' ? '' : `  ${plainText(details)}`}`;
}
