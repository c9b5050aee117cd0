import { Command } from 'commander';
import { SluiceError } from '../../contract/errors.js';
import { POLICIES, policiesNamed } from '../../simulator/compare/policies.js';
import { numberOption, seedOption, zeroOrMore } from '../report/options.js';
import { checkOutput, writeOutput } from '../report/output.js';
import { compare } from './compare.js';
import { Crew } from './crew.js';
import { comparisonPage } from './html/page.js';
import { comparisonJson } from './json.js';
import { renderComparison } from './text/table.js';

interface CompareFlags {
  policies?: string;
  published?: boolean;
  seeds: string;
  seed?: string;
  hours?: string;
  from?: string;
  config?: string;
  jobs?: string;
  json?: boolean;
  report?: string;
}

/** `sluice compare SCENARIO.yaml`: what each policy would have done on the same arrivals. */
export function compareCommand(): Command {
  return new Command('compare')
    .description(
      'simulate a scenario under several scaling policies and compare what they keep and what they cost',
    )
    .argument('<scenario>', 'scenario (.yaml; docs/compare.md)')
    .option(
      '--policies <names>',
      `comma-separated, of ${POLICIES.map(({ name }) => name).join(', ')} (default: all)`,
    )
    .option('--published', 'only the published constants of each policy, not the grid of alternatives')
    .option('--seeds <n>', 'repeat with so many seeds and report the spread', '1')
    .option('--seed <n>', "the first seed (default: the scenario's)")
    .option('--hours <n>', 'only so many hours')
    .option('--from <hour>', 'begin at this hour of the load')
    .option('-c, --config <file>', "configuration file instead of the scenario's")
    .option('--jobs <n>', 'simulations at once (default: one for each core)')
    .option('--report <file>', 'write a page with time lines of every policy there (HTML)')
    .option('--json', 'print the comparison as JSON')
    .addHelpText(
      'after',
      '\nCold starts are 120 s unless the scenario or its configuration says otherwise.\nExit codes: 0 compared (whatever was kept), 2 wrong input, 4 no such file.',
    )
    .action(async (file: string, flags: CompareFlags) => {
      await run(file, flags);
    });
}

async function run(file: string, flags: CompareFlags): Promise<void> {
  if (flags.report !== undefined) checkOutput(flags.report);
  const names = flags.policies?.split(',').map((name) => name.trim());
  const policies = names === undefined ? POLICIES : policiesNamed(names);
  const crew = new Crew(flags.jobs === undefined ? undefined : countOption('--jobs', flags.jobs));
  try {
    const { comparison, config } = await compare({
      scenario: {
        file,
        ...(flags.config === undefined ? {} : { configFile: flags.config }),
        ...(flags.seed === undefined ? {} : { seed: seedOption(flags.seed) }),
        ...(flags.hours === undefined ? {} : { hours: numberOption('--hours', flags.hours) }),
        ...(flags.from === undefined ? {} : { fromHours: zeroOrMore('--from', flags.from) }),
      },
      policies,
      seeds: countOption('--seeds', flags.seeds),
      published: flags.published === true,
      crew,
      note: (line) => process.stderr.write(`compare: ${line}\n`),
    });
    if (flags.report !== undefined) writeOutput(flags.report, comparisonPage(comparison, config));
    process.stdout.write(
      flags.json === true
        ? `${JSON.stringify(comparisonJson(comparison), null, 1)}\n`
        : renderComparison(comparison),
    );
  } finally {
    await crew.close();
  }
}

function countOption(name: string, text: string): number {
  const value = numberOption(name, text);
  if (Number.isInteger(value) && value <= 1000) return value;
  throw new SluiceError(
    'invalid_request',
    `expected ${name} to be a whole number from 1 to 1000, got ${text}`,
  );
}
