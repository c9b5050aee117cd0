import { Command } from 'commander';
import { SluiceError } from '../../contract/errors.js';
import { TRACE_FORMATS } from '../../simulator/traces/read.js';
import { numberOption } from '../report/options.js';
import { checkOutput, writeOutput } from '../report/output.js';
import { planAnswer } from './answer.js';
import { type OpenFlags, openTraffic } from './open.js';
import { planPage } from './page.js';
import { parseSlos } from './slo.js';
import { renderPlan } from './text.js';

interface PlanFlags extends OpenFlags {
  slo: string[];
  hours: string;
  whole?: boolean;
  maxGpus: string;
  report?: string;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  sluice plan trace.csv --format azure --slo medium
  sluice plan trace.csv --format azure --slo high=ttft:300ms,itl:30ms,p95
  sluice plan trace.jsonl --format mooncake --mix high=.5,medium=.5 --slo high=ttft:250ms --slo medium=p99
  sluice plan bench/scenarios/three-levels.yaml -c sluice.yaml --report plan.html

Exit codes: 0 every level can be kept, 1 one cannot (and what would help), 2 wrong input.`;

/** `sluice plan TRACE|SCENARIO.yaml`: the fewest GPUs, and their split, that keep the levels on this traffic. */
export function planCommand(): Command {
  return new Command('plan')
    .description(
      'capacity: the fewest GPUs, by pool, that keep the levels on this traffic, fixed and scaled by the planner',
    )
    .argument('<file>', 'trace file (with --format), or scenario (.yaml; docs/simulator.md)')
    .option(
      '--slo <spec>',
      'targets of a level, as in high=ttft:300ms,itl:30ms,p95; what is left out is as configured; repeatable. One level, without --mix: also that of requests that name none',
      (spec: string, before: string[]) => [...before, spec],
      [],
    )
    .option('--format <format>', `of a trace: one of ${TRACE_FORMATS.join(', ')}`)
    .option(
      '--mix <shares>',
      'draw the level by seed, as in high=.5,medium=.3,low=.2; shares are scaled to add up to 1',
    )
    .option('--speed <x>', 'divide time by x', '1')
    .option('--rate-scale <x>', 'thin (below 1) or multiply (above 1) arrivals by seed, times unchanged', '1')
    .option(
      '--hours <n>',
      'simulate the busiest n hours (fewer where they hold more than 150,000 requests)',
      '1',
    )
    .option('--whole', 'simulate the whole load, however long that takes')
    .option('--max-gpus <n>', 'most GPUs of a pool that are tried', '512')
    .option('--seed <n>', "seed of levels, thinning and drawn arrivals (default: 1, or the scenario's)")
    .option('--cold-start <seconds>', 'cold start of every engine, instead of the configured one')
    .option('-c, --config <file>', 'configuration file')
    .option('--skip-bad', 'leave broken rows out and count them')
    .option('--max-gap <seconds>', 'shorten longer times without a row, in seconds of the trace')
    .option('--report <file>', 'write the answer as a page with the curve of each pool (HTML)')
    .option('--json', 'print the answer as JSON (docs/plan.md)')
    .addHelpText('after', EXAMPLES)
    .action((file: string, flags: PlanFlags) => {
      process.exitCode = run(file, flags);
    });
}

/** @returns the exit code. */
function run(file: string, flags: PlanFlags): number {
  const note = (line: string) => process.stderr.write(`plan: ${line}\n`);
  if (flags.report !== undefined) checkOutput(flags.report);
  const maxGpus = numberOption('--max-gpus', flags.maxGpus);
  if (!Number.isInteger(maxGpus) || maxGpus > 4096)
    throw new SluiceError(
      'invalid_request',
      `expected --max-gpus to be a whole number from 1 to 4096, got ${flags.maxGpus}`,
    );
  if (/\.ya?ml$/.test(file)) refuseTraceFlags(flags);
  const minutes = flags.whole === true ? null : 60 * numberOption('--hours', flags.hours);
  const traffic = openTraffic(file, flags, parseSlos(flags.slo));
  const answer = planAnswer({ file, traffic, minutes, maxGpus, note });
  if (flags.report !== undefined) writeOutput(flags.report, planPage(answer));
  process.stdout.write(flags.json === true ? `${JSON.stringify(answer, null, 1)}\n` : renderPlan(answer));
  return answer.gpus.fixed === null ? 1 : 0;
}

function refuseTraceFlags(flags: PlanFlags): void {
  const given = [
    flags.format === undefined ? null : '--format',
    flags.mix === undefined ? null : '--mix',
    flags.coldStart === undefined ? null : '--cold-start',
    flags.skipBad === undefined ? null : '--skip-bad',
    flags.maxGap === undefined ? null : '--max-gap',
    flags.speed === '1' ? null : '--speed',
    flags.rateScale === '1' ? null : '--rate-scale',
  ].filter((name) => name !== null);
  if (given.length > 0)
    throw new SluiceError(
      'invalid_request',
      `expected no ${given.join(', ')} beside a scenario, which says so itself`,
    );
}
