import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { SluiceError } from '../contract/errors.js';
import { loadMeasuredTable } from '../profile/load.js';
import type { FitOptions } from '../profile/tables/fit.js';
import { measuredProfile } from '../profile/tables/profile.js';
import { VLLM_SEQUENCES } from '../profile/tables/sweep.js';
import type { MeasuredTable } from '../profile/tables/types.js';
import { checkReport, renderCheck, renderPoints } from './profile/check.js';
import { fitReport, type Questions, renderFit } from './profile/fit.js';

interface FitFlags {
  json?: boolean;
  isl: number[];
  batch?: number;
  context?: number;
  out?: string;
  maxBatch: number;
  row?: number;
}

interface CheckFlags {
  json?: boolean;
  points?: boolean;
  profile?: string;
  row?: number;
}

/** `sluice profile ...`: what a measured profile says, and what a law fitted to it would. */
export function profileCommand(): Command {
  const command = new Command('profile').description('measured performance profiles');
  command
    .command('fit')
    .description('the range that a measured profile covers, and the law fitted to it with its errors')
    .argument(
      '<paths...>',
      "measured profiles: our JSON, Dynamo's raw data (JSON or npz), or the folder of both halves",
    )
    .option('--json', 'print JSON')
    .option('--isl <n>', 'ask for the TTFT of a prompt of so many tokens (repeatable)', each(positive), [])
    .option('--batch <n>', 'ask for the ITL of so many sequences (with --context)', positive)
    .option('--context <n>', 'tokens of each of them', positive)
    .option(
      '--max-batch <n>',
      'leave out decode points of larger batches: an engine caps its sequences',
      count,
      VLLM_SEQUENCES,
    )
    .option('--out <file>', 'write a profile with the laws of all tables, one TP degree each')
    .option('--row <n>', 'which profile of an npz that holds several, from 0', count)
    .action((paths: string[], flags: FitFlags) => {
      const tables = paths.map((path) =>
        loadMeasuredTable(path, flags.row === undefined ? {} : { row: flags.row }),
      );
      const options = { maxBatch: flags.maxBatch };
      const reports = tables.map((table) => fitReport(table, options, questionsOf(flags)));
      if (flags.out !== undefined) writeProfile(tables, flags.out, options);
      const json = JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2);
      process.stdout.write(`${flags.json === true ? json : reports.map(renderFit).join('\n\n')}\n`);
    });
  command
    .command('check')
    .description(
      'how near the sim engine comes to measured TTFT, ITL and throughput when driven the same way',
    )
    .argument('<paths...>', 'measured profiles, as for fit')
    .option('--json', 'print JSON, every point included')
    .option('--points', 'print every point')
    .option('--profile <name or file>', 'a profile to check in place of the law fitted to the table')
    .option('--row <n>', 'which profile of an npz that holds several, from 0', count)
    .addHelpText('after', '\nExit codes: 0 within 8 %, 1 not.')
    .action((paths: string[], flags: CheckFlags) => {
      const report = checkReport(paths, {
        ...(flags.profile === undefined ? {} : { profile: flags.profile }),
        ...(flags.row === undefined ? {} : { row: flags.row }),
      });
      const text =
        flags.points === true ? `${renderPoints(report)}\n\n${renderCheck(report)}` : renderCheck(report);
      process.stdout.write(`${flags.json === true ? JSON.stringify(report, null, 2) : text}\n`);
      process.exitCode = report.reached ? 0 : 1;
    });
  return command;
}

function questionsOf({ isl, batch, context }: FitFlags): Questions {
  if ((batch === undefined) !== (context === undefined)) {
    throw new SluiceError('invalid_request', 'expected --batch and --context together, got one of them');
  }
  return { isl, batches: batch === undefined || context === undefined ? [] : [{ batch, context }] };
}

function writeProfile(tables: readonly MeasuredTable[], file: string, options: FitOptions): void {
  const [first, ...others] = tables;
  if (first === undefined) return;
  const profile = measuredProfile([first, ...others], options);
  writeFileSync(file, `${JSON.stringify(profile, null, 2)}\n`);
  process.stderr.write(`${file}: profile ${profile.name}, TP ${Object.keys(profile.tp).join(', ')}\n`);
}

/** A repeatable option. */
function each<T>(parse: (text: string) => T): (text: string, before: T[]) => T[] {
  return (text, before) => [...before, parse(text)];
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a number above 0');
}

function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('expected a whole number of 0 or more');
}
