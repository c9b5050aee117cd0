import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { SluiceError } from '../../src/contract/errors.js';
import { renderReport } from './render.js';
import { type ConformanceReport, runConformance } from './run.js';

/** `npm run conformance -- FILE`: recorded planner cases against classic mode. */
const program = new Command('conformance')
  .description("recorded cases of NVIDIA Dynamo's planner against classic mode")
  .argument('<file>', 'JSON file of cases; paths of profiles in it are relative to the folder above it')
  .option('--json', 'print JSON')
  .addHelpText('after', '\nExit codes: 0 every case passed, 1 one failed, 2 the file holds no cases.')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .action((file: string, flags: { json?: boolean }) => {
    const report = runFile(file);
    process.stdout.write(`${flags.json === true ? toJson(report) : renderReport(report)}\n`);
    process.exitCode = report.failed === 0 ? 0 : 1;
  });

function runFile(file: string): ConformanceReport {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('invalid_config', `${file}: cannot read the cases (${reason})`);
  }
  return runConformance(text, file, dirname(dirname(resolve(file))));
}

/** NaN and the infinities as strings, as the case files write them. */
function toJson(report: ConformanceReport): string {
  const plain = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
  return JSON.stringify(report, plain, 2);
}

try {
  program.parse();
} catch (error) {
  const known = SluiceError.from(error);
  process.stderr.write(`conformance: ${known.message}\n`);
  process.exitCode = known.exitCode;
}
