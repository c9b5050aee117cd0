import { Command } from 'commander';
import { dashboardText } from './dashboard/report.js';
import { dashboardBench } from './dashboard/run.js';
import { fidelity } from './fidelity.js';
import { forecast } from './forecast.js';
import { gatewayText } from './gateway/report.js';
import { gatewayBench } from './gateway/run.js';
import { overhead } from './overhead/run.js';
import { planner } from './planner.js';
import { simulator } from './simulator.js';

/** `npm run bench -- NAME`: each benchmark prints ratios against a reference measured in the same run. */
const program = new Command('bench').description(
  'benchmarks; each compares with a reference in the same run',
);

program
  .command('overhead')
  .description("Sluice's path against bare BullMQ: throughput, round trip, memory, cost of a long queue")
  .option('--json', 'print JSON')
  .option('--rounds <n>', 'interleaved rounds', '7')
  .option('--jobs <n>', 'jobs of a throughput round', '10000')
  .option('--backlog <n>', 'length of the long queue', '500000')
  .addHelpText('after', '\nExit codes: 0 every figure reached, 1 one was missed.')
  .action(async (flags: { json?: boolean; rounds: string; jobs: string; backlog: string }) => {
    const { rows, text } = await overhead({
      rounds: Number(flags.rounds),
      jobs: Number(flags.jobs),
      backlog: Number(flags.backlog),
      note: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${flags.json === true ? JSON.stringify(rows, null, 2) : text}\n`);
    process.exitCode = rows.every((row) => row.reached) ? 0 : 1;
  });

program
  .command('simulator')
  .description('the simulator on the diurnal week: requests per second and memory against a bare event loop')
  .option('--json', 'print JSON')
  .option('--rounds <n>', 'rounds of each size', '1')
  .option('--requests <n>', 'leave out sizes of more requests', '44000000')
  .addHelpText('after', '\nExit codes: 0 every figure reached, 1 one was missed.')
  .action(async (flags: { json?: boolean; rounds: string; requests: string }) => {
    const { rows, text } = await simulator({
      rounds: Number(flags.rounds),
      requests: Number(flags.requests),
      note: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${flags.json === true ? JSON.stringify(rows, null, 2) : text}\n`);
    process.exitCode = rows.every((row) => row.reached) ? 0 : 1;
  });

program
  .command('forecast')
  .description('the load predictors on traffic of several kinds: the combination against the best single one')
  .option('--json', 'print JSON')
  .option('--seed <n>', 'seed of drawn counts', '1')
  .addHelpText('after', '\nExit codes: 0 every figure reached, 1 one was missed.')
  .action((flags: { json?: boolean; seed: string }) => {
    const { rows, text } = forecast({
      seed: Number(flags.seed),
      note: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${flags.json === true ? JSON.stringify(rows, null, 2) : text}\n`);
    process.exitCode = rows.every((row) => row.reached) ? 0 : 1;
  });

program
  .command('gateway')
  .description('the HTTP gateway: direct to a sim engine, through Sluice, through @portkey-ai/gateway')
  .option('--json', 'print JSON')
  .option('--rounds <n>', 'interleaved rounds', '3')
  .option('--seconds <n>', 'of one load on one side', '5')
  .option('--rates <list>', 'requests a second of the open loads', '50,200,500')
  .option('--streams <n>', 'streams held open for the memory figure; 0: none', '2000')
  .option('--no-portkey', 'leave Portkey out; it is fetched from the npm registry the first time')
  .option('--cpu-prof <folder>', "write CPU profiles of Sluice's gateway and worker")
  .addHelpText('after', '\nExit codes: 0 every figure reached, 1 one was missed or not measured.')
  .action(async (flags: GatewayFlags) => {
    const report = await gatewayBench({
      rounds: Number(flags.rounds),
      seconds: Number(flags.seconds),
      rates: flags.rates.split(',').map(Number),
      streams: Number(flags.streams),
      portkey: flags.portkey,
      profiles: flags.cpuProf ?? null,
      note: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${flags.json === true ? JSON.stringify(report, null, 2) : gatewayText(report)}\n`);
    process.exitCode = report.reach.every(({ reached }) => reached === true) ? 0 : 1;
  });

interface GatewayFlags {
  json?: boolean;
  rounds: string;
  seconds: string;
  rates: string;
  streams: string;
  portkey: boolean;
  cpuProf?: string;
}

program
  .command('dashboard')
  .description(
    'the dashboard: what its open pages cost the gateway, bytes of a page, first paint, history in Redis, inspection',
  )
  .option('--json', 'print JSON')
  .option('--rounds <n>', 'of four blocks each: without, with, with, without pages', '100')
  .option('--seconds <n>', 'of one block', '1')
  .option('--rate <n>', 'requests a second', '500')
  .option('--pages <n>', 'open pages', '20')
  .option('--live-seconds <n>', 'how long the demo is looked at', '60')
  .addHelpText('after', '\nExit codes: 0 every figure reached, 1 one was missed or not measured.')
  .action(async (flags: DashboardFlags) => {
    const report = await dashboardBench({
      rounds: Number(flags.rounds),
      seconds: Number(flags.seconds),
      rate: Number(flags.rate),
      pages: Number(flags.pages),
      liveSeconds: Number(flags.liveSeconds),
      note: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(
      `${flags.json === true ? JSON.stringify(report, null, 2) : dashboardText(report)}\n`,
    );
    process.exitCode = report.reach.every(({ reached }) => reached === true) ? 0 : 1;
  });

interface DashboardFlags {
  json?: boolean;
  rounds: string;
  seconds: string;
  rate: string;
  pages: string;
  liveSeconds: string;
}

program
  .command('planner')
  .description('what a plan costs: by replicas, by forecast and by pools in one process, against JSON')
  .option('--json', 'print JSON')
  .option('--pools <n>', 'leave out cases of more pools', '1000')
  .addHelpText('after', '\nExit codes: 0 every figure reached, 1 one was missed.')
  .action(async (flags: { json?: boolean; pools: string }) => {
    const { rows, text } = await planner({
      pools: Number(flags.pools),
      note: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${flags.json === true ? JSON.stringify(rows, null, 2) : text}\n`);
    process.exitCode = rows.every((row) => row.reached) ? 0 : 1;
  });

program
  .command('fidelity')
  .description('the same load live (wall clock, Redis, processes) and simulated: latency and scale actions')
  .option('--json', 'print JSON')
  .option('--minutes <n>', 'length of the load', '10')
  .option('--seed <n>', 'seed of the load', '1')
  .option('--keep <directory>', "write both sides' decisions there, for sluice explain --replay")
  .addHelpText('after', '\nExit codes: 0 every figure reached, 1 one was missed.')
  .action(async (flags: { json?: boolean; minutes: string; seed: string; keep?: string }) => {
    const { report, text } = await fidelity({
      minutes: Number(flags.minutes),
      seed: Number(flags.seed),
      keep: flags.keep,
      note: (line) => process.stderr.write(`${line}\n`),
    });
    process.stdout.write(`${flags.json === true ? JSON.stringify(report, null, 2) : text}\n`);
    process.exitCode = report.reached ? 0 : 1;
  });

await program.parseAsync();
process.exit(process.exitCode);
