import { Command, InvalidArgumentError } from 'commander';
import { loadMeasuredTable } from '../profile/load.js';
import { fitReport, renderFit } from './profile/fit.js';

interface FitFlags {
  json?: boolean;
  maxBatch?: number;
  row?: number;
}

/** `sluice profile ...`: what a measured profile says, and what a law fitted to it would. */
export function profileCommand(): Command {
  const command = new Command('profile').description('measured performance profiles');
  command
    .command('fit')
    .description('the range that a measured profile covers, and the law fitted to it with its errors')
    .argument(
      '<path>',
      "measured profile: our JSON, Dynamo's raw data (JSON or npz), or the folder of both halves",
    )
    .option('--json', 'print JSON')
    .option(
      '--max-batch <n>',
      'leave out decode points of larger batches (an engine caps its sequences)',
      count,
    )
    .option('--row <n>', 'which profile of an npz that holds several, from 0', count)
    .action((path: string, flags: FitFlags) => {
      const table = loadMeasuredTable(path, flags.row === undefined ? {} : { row: flags.row });
      const report = fitReport(table, flags.maxBatch === undefined ? {} : { maxBatch: flags.maxBatch });
      process.stdout.write(`${flags.json === true ? JSON.stringify(report, null, 2) : renderFit(report)}\n`);
    });
  return command;
}

function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('expected a whole number of 0 or more');
}
