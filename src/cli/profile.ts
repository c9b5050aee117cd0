import { Command } from 'commander';
import { SluiceError } from '../contract/errors.js';
import { loadMeasuredTable } from '../profile/load.js';
import { measuredProfile } from '../profile/measured.js';
import { GPU_NAMES } from '../profile/roofline/hardware.js';
import { MODEL_NAMES } from '../profile/roofline/models.js';
import type { FitOptions } from '../profile/tables/fit.js';
import { VLLM_SEQUENCES } from '../profile/tables/sweep.js';
import type { MeasuredTable } from '../profile/tables/types.js';
import { checkReport, renderCheck, renderPoints } from './profile/check.js';
import { fitReport, type Questions, renderFit } from './profile/fit.js';
import { type GenerateFlags, generateReport, renderGenerate } from './profile/generate.js';
import { measureCommand } from './profile/measure/command.js';
import { count, degrees, each, positive, share, writeProfile } from './profile/options.js';
import { renderValidation, validationReport } from './profile/validate.js';

/** `sluice profile ...`: what a measured profile says, what the sim engine makes of it, and profiles by arithmetic. */
export function profileCommand(): Command {
  return new Command('profile')
    .description('performance profiles: measured, checked, generated')
    .addCommand(fitCommand())
    .addCommand(checkCommand())
    .addCommand(generateCommand())
    .addCommand(measureCommand());
}

interface FitFlags {
  json?: boolean;
  isl: number[];
  batch?: number;
  context?: number;
  out?: string;
  maxBatch: number;
  row?: number;
}

function fitCommand(): Command {
  return new Command('fit')
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
      const tables = paths.map((path) => loadMeasuredTable(path, rowOf(flags)));
      const options = { maxBatch: flags.maxBatch };
      const reports = tables.map((table) => fitReport(table, options, questionsOf(flags)));
      if (flags.out !== undefined) writeFitted(tables, flags.out, options);
      const json = JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2);
      print(flags.json === true ? json : reports.map(renderFit).join('\n\n'));
    });
}

interface CheckFlags {
  json?: boolean;
  points?: boolean;
  profile?: string;
  row?: number;
}

function checkCommand(): Command {
  return new Command('check')
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
      const own = flags.profile === undefined ? {} : { profile: flags.profile };
      const report = checkReport(paths, { ...own, ...rowOf(flags) });
      const points = flags.points === true ? `${renderPoints(report)}\n\n` : '';
      print(flags.json === true ? JSON.stringify(report, null, 2) : `${points}${renderCheck(report)}`);
      process.exitCode = report.reached ? 0 : 1;
    });
}

interface GenerateCommandFlags extends Omit<GenerateFlags, 'model' | 'gpu'> {
  model?: string;
  gpu?: string;
  json?: boolean;
  out?: string;
  validate?: string;
}

function generateCommand(): Command {
  return new Command('generate')
    .description(
      "a profile from a model's dimensions and a GPU's data sheet, for an engine that nobody measured",
    )
    .option('--model <name or file>', `${MODEL_NAMES.join(', ')}, or the path of a config.json`)
    .option('--gpu <name>', GPU_NAMES.join(', '))
    .option('--tp <list>', 'TP degrees, such as 1,2,4 (default: all that hold the model)', degrees)
    .option(
      '--dtype <type>',
      "of the weights: fp8 or bf16 (default: the model name's or config's, else bf16)",
    )
    .option('--name <name>', "the profile's name (default: model, dtype and GPU)")
    .option('--gpu-memory-utilization <share>', 'for the KV tokens that are printed', share, 0.9)
    .option('--out <file>', 'write the profile, to be named as engine.profile')
    .option('--json', 'print the profile as JSON, or the whole report of --validate')
    .option(
      '--validate <folder>',
      'leave one out over the measured tables of a folder, in place of a profile',
    )
    .addHelpText(
      'after',
      `
In a configuration, engine.profile: generate:llama-3.1-8b/h100/fp8 stands for the same without a file.
Exit codes: 0 done, 1 --validate missed 20 %, 2 wrong input.`,
    )
    .action((flags: GenerateCommandFlags) => {
      if (flags.validate !== undefined) return validate(flags.validate, flags.json === true);
      const { model, gpu } = flags;
      if (model === undefined || gpu === undefined) {
        const missing = model === undefined ? '--model' : '--gpu';
        throw new SluiceError('invalid_request', `expected ${missing} (or --validate FOLDER), got none`);
      }
      const report = generateReport({ ...flags, model, gpu });
      if (flags.out !== undefined) writeProfile(report.profile, flags.out);
      print(flags.json === true ? JSON.stringify(report.profile, null, 2) : renderGenerate(report));
    });
}

function validate(folder: string, json: boolean): void {
  const report = validationReport(folder);
  print(json ? JSON.stringify(report, null, 2) : renderValidation(report));
  process.exitCode = report.reached ? 0 : 1;
}

function questionsOf({ isl, batch, context }: FitFlags): Questions {
  if ((batch === undefined) !== (context === undefined)) {
    throw new SluiceError('invalid_request', 'expected --batch and --context together, got one of them');
  }
  return { isl, batches: batch === undefined || context === undefined ? [] : [{ batch, context }] };
}

function writeFitted(tables: readonly MeasuredTable[], file: string, options: FitOptions): void {
  const [first, ...others] = tables;
  if (first !== undefined) writeProfile(measuredProfile([first, ...others], options), file);
}

function rowOf({ row }: { row?: number }): { row?: number } {
  return row === undefined ? {} : { row };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
