import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { makeDataFolder } from '../../config/data-folder.js';
import { readEnvironment } from '../../config/environment.js';
import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { PromptWriter } from '../../simulator/workload/prompts.js';
import { shapedArrivals } from '../../simulator/workload/shape.js';
import { StatusCollector } from '../../telemetry/status.js';
import { jsonLines, recordsOf } from '../explain/command.js';
import { runPage } from '../report/html/run-page.js';
import { INTERRUPTED, interruptible } from '../report/interrupt.js';
import { numberOption, seedOption } from '../report/options.js';
import { checkOutput, writeOutput } from '../report/output.js';
import { renderClientSide, renderFailures, renderReport } from '../report/render.js';
import { type MeasuredRun, measureLoad } from '../report/session.js';
import { openSystem } from '../system.js';
import { forgetNamespace } from './forget.js';
import { brokenPromises } from './promises.js';
import { Screen } from './screen.js';
import { DemoView } from './view.js';
import { DEMO_SECONDS, DEMO_SHAPES } from './workload.js';

const CONFIG = join('examples', 'llm', 'configs', 'global_scheduler_demo.yaml');

interface DemoFlags {
  json?: boolean;
  seconds: string;
  seed: string;
  data?: string;
  config?: string;
  records?: string;
  report?: string;
}

/** `sluice demo`: a system of its own, two minutes of load, and a report that says whether every promise was kept. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('watch three pools scale themselves under a ramp, a burst and a lull, then read the report')
    .option('--seconds <n>', 'length of the load; the shapes stretch', String(DEMO_SECONDS))
    .option('--seed <n>', 'seed of arrivals, lengths and prompts', '1')
    .option('--data <dir>', 'folder of Redis data and logs, kept (default: a temporary one)')
    .option('-c, --config <file>', `configuration file (default: ${CONFIG})`)
    .option('--records <file>', "write every planner's decision records there, one a line (see explain)")
    .option('--report <file>', 'write the run as one HTML page with its time lines')
    .option('--json', 'print the report as JSON (docs/report.md)')
    .addHelpText(
      'after',
      '\nExits 0 only if each pool kept its promise, nothing was lost, and all five planner states were seen.',
    )
    .action(async (flags: DemoFlags) => {
      process.exitCode = await demo(flags);
    });
}

/** @returns the exit code. */
async function demo(flags: DemoFlags): Promise<number> {
  const seconds = numberOption('--seconds', flags.seconds);
  const seed = seedOption(flags.seed);
  const config = ownConfig(loadConfig(flags.config ?? defaultConfigFile()));
  const arrivals = shapedArrivals(DEMO_SHAPES, seed, new PromptWriter(seed), seconds / DEMO_SECONDS);
  if (arrivals.length === 0)
    throw new SluiceError('invalid_request', `--seconds ${seconds} is too short for a single request`);
  const dataDir =
    flags.data === undefined ? mkdtempSync(join(tmpdir(), 'sluice-demo-')) : resolve(flags.data);
  makeDataFolder(dataDir);
  const note = (line: string) => process.stderr.write(`demo: ${line}\n`);
  try {
    // A file may go into the data folder.
    for (const output of [flags.records, flags.report]) if (output !== undefined) checkOutput(output);
    return await interruptible(async (signal) => {
      note(`starting Redis, an allocator, an ingress and ${Object.keys(config.pools).length} planners`);
      const system = await openSystem({ config, dataDir, log: note });
      let run: MeasuredRun;
      try {
        note(`${arrivals.length} requests over ${seconds} s`);
        run = await show(config, system.redisUrl, arrivals, signal, note, flags.report !== undefined);
        if (flags.records !== undefined) await keepRecords(config, system.redisUrl, flags.records, note);
      } finally {
        await system.stop();
        if (readEnvironment().redisUrl !== null) await forgetNamespace(system.redisUrl, config);
      }
      if (flags.report !== undefined && run.drawn !== null) {
        const page = runPage({ title: 'Sluice demo', report: run.report, config, ...run.drawn });
        writeOutput(flags.report, page);
        note(`report written to ${flags.report}`);
      }
      return conclude(run, config, flags.json === true);
    });
  } finally {
    if (flags.data === undefined) rmSync(dataDir, { recursive: true, force: true });
  }
}

/** The decision records of all pools, in order of time. */
async function keepRecords(
  config: Config,
  redisUrl: string,
  file: string,
  note: (line: string) => void,
): Promise<void> {
  const all = await Promise.all(
    Object.keys(config.pools).map((pool) =>
      recordsOf(config, redisUrl, pool, {
        count: Number.POSITIVE_INFINITY,
        untilMs: Number.POSITIVE_INFINITY,
      }),
    ),
  );
  const records = all.flat().toSorted((a, b) => a.atMs - b.atMs);
  writeOutput(file, jsonLines(records));
  note(`${records.length} decision records written to ${file}`);
}

async function show(
  config: Config,
  redisUrl: string,
  arrivals: ReturnType<typeof shapedArrivals>,
  signal: AbortSignal,
  note: (line: string) => void,
  draw: boolean,
): Promise<MeasuredRun> {
  let view: DemoView | undefined;
  try {
    return await measureLoad({
      config,
      redisUrl,
      arrivals,
      signal,
      note,
      draw,
      onStart: (redis, keys) => {
        const collector = new StatusCollector(redis, keys, config);
        view = new DemoView(collector, new Screen(process.stderr), readEnvironment().color);
        view.start();
      },
      onProgress: (progress) => view?.note(progress),
      onEnd: async () => view?.stop(),
    });
  } finally {
    await view?.stop();
  }
}

function conclude({ report, load }: MeasuredRun, config: Config, json: boolean): number {
  process.stderr.write(renderFailures(load.records));
  if (json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else
    process.stdout.write(
      `\n${renderReport(report, config)}${renderClientSide(load.records, load.lateSeconds)}`,
    );
  if (load.aborted) return INTERRUPTED;
  const broken = brokenPromises(report, config);
  for (const sentence of broken) process.stderr.write(`demo: FAILED: ${sentence}\n`);
  if (broken.length === 0) process.stderr.write('demo: every promise was kept\n');
  return broken.length === 0 ? 0 : 1;
}

/** Names of its own, so that a demo on a shared Redis (REDIS_URL) meets no system that runs there. */
function ownConfig(config: Config): Config {
  const name = `demo-${process.pid}-${Date.now().toString(36)}`;
  return {
    ...config,
    namespace: `${config.namespace}-${name}`,
    queues: { ...config.queues, requestsPrefix: `${config.queues.requestsPrefix}-${name}` },
  };
}

/** The example config, beside the package.json above this module (source or dist). */
function defaultConfigFile(): string {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    dirname(folder) !== folder;
    folder = dirname(folder)
  ) {
    const file = join(folder, CONFIG);
    if (existsSync(file) && existsSync(join(folder, 'package.json'))) return file;
  }
  throw new SluiceError('invalid_config', `expected ${CONFIG} in this package; name a configuration with -c`);
}
