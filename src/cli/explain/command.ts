import { Command } from 'commander';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { TransitionRecord } from '../../contract/transition.js';
import { connect } from '../../queues/connection.js';
import { Keys } from '../../queues/keys.js';
import { assertRedis } from '../../queues/server-check.js';
import { readDecisions } from '../../telemetry/decision-log.js';
import { numberOption } from '../report/options.js';
import { writeOutput } from '../report/output.js';
import { findSystem } from '../system.js';
import { type Replay, replayFile } from './replay.js';
import { momentOf } from './time.js';
import { explainRecord } from './words.js';

interface ExplainFlags {
  at?: string;
  count: string;
  export?: string;
  replay?: string;
  json?: boolean;
  config?: string;
  data?: string;
}

const EXAMPLES = `
Examples:
  sluice explain medium
  sluice explain medium --at 14:05
  sluice explain high -n 5 --json
  sluice explain high --export high.jsonl     all records that are kept
  sluice explain --replay high.jsonl          each computed again from what it rested on (alone, or with --json)

Exit codes: 0 told, or every record came out the same and follows the one before it; 1 a record did not; 2 wrong input; 4 no such pool, record or file.`;

/** `sluice explain POOL`: why a planner did what it did; `--replay FILE`: whether it would do it again. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('tell in sentences why a planner decided as it did, from its decision records')
    .argument('[pool]', 'pool name')
    .option('--at <time>', 'the decision that stood then: 2026-01-31T14:05:00Z, 14:05 (UTC, today), 5m (ago)')
    .option('-n, --count <n>', 'so many decisions up to then', '1')
    .option('--export <file>', 'write all records that are kept there, one a line')
    .option(
      '--replay <file>',
      'compute each record of such a file again and compare, and look for gaps and repeats',
    )
    .option('-c, --config <file>', 'configuration of the running system (with REDIS_URL)')
    .option('--data <dir>', 'data folder of the running system')
    .option('--json', 'print the records (or the comparison) as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (pool: string | undefined, flags: ExplainFlags, command: Command) => {
      if (flags.replay !== undefined) {
        refuseBeside(pool, command);
        const replay = await replayFile(flags.replay);
        process.stdout.write(
          flags.json === true ? `${JSON.stringify(replay)}\n` : replayText(replay, flags.replay),
        );
        process.exitCode = replay.differ.length === 0 ? 0 : 1;
      } else await explain(pool, flags);
    });
}

/** A replay takes all records of its file: what would choose among them is refused, as it would choose nothing. */
function refuseBeside(pool: string | undefined, command: Command): void {
  const given = command.options
    .filter((option) => !['replay', 'json'].includes(option.attributeName()))
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map(({ long }) => long);
  const beside = [...(pool === undefined ? [] : [`pool ${JSON.stringify(pool)}`]), ...given];
  if (beside.length === 0) return;
  throw new SluiceError(
    'invalid_request',
    `--replay FILE computes all records of the file again: expected at most --json beside it, got ${beside.join(', ')}`,
  );
}

async function explain(pool: string | undefined, flags: ExplainFlags): Promise<void> {
  if (pool === undefined)
    throw new SluiceError('invalid_request', 'expected a pool, or --replay FILE, got neither');
  const { config, redisUrl } = await findSystem({ configFile: flags.config, dataDir: flags.data });
  if (!Object.hasOwn(config.pools, pool))
    throw new SluiceError(
      'not_found',
      `expected a pool out of ${Object.keys(config.pools).join(', ')}, got ${JSON.stringify(pool)}`,
    );
  const untilMs = flags.at === undefined ? Number.POSITIVE_INFINITY : momentOf(flags.at, Date.now());
  const count =
    flags.export === undefined ? Math.ceil(numberOption('--count', flags.count)) : Number.POSITIVE_INFINITY;
  const records = await recordsOf(config, redisUrl, pool, { count, untilMs });
  if (records.length === 0)
    throw new SluiceError(
      'not_found',
      `no decision of ${pool} is on record${flags.at === undefined ? '' : ` at ${flags.at} or before`}`,
    );
  if (flags.export !== undefined) {
    writeOutput(flags.export, jsonLines(records));
    process.stdout.write(`${records.length} decisions of ${pool} written to ${flags.export}\n`);
  } else if (flags.json === true) process.stdout.write(jsonLines(records));
  else
    process.stdout.write(
      `${records.map((record) => explainRecord(record, config.pricing.usdPerGpuHour)).join('\n\n')}\n`,
    );
}

/** Decision records of a running system's pool. */
export async function recordsOf(
  config: Config,
  redisUrl: string,
  pool: string,
  which: { count: number; untilMs: number },
): Promise<TransitionRecord[]> {
  await assertRedis(redisUrl);
  const redis = connect(redisUrl, 'plain');
  try {
    return await readDecisions(redis, new Keys(config.namespace), pool, which);
  } finally {
    redis.disconnect();
  }
}

/** Decision records as a file holds them: one a line. */
export function jsonLines(records: readonly TransitionRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

const DIFFERENCES_SHOWN = 10;

function replayText({ records, same, differ }: Replay, file: string): string {
  const lines = [`${file}: ${records} records, ${same} came out the same, ${differ.length} did not`];
  for (const { line, pool, sequence, fields } of differ.slice(0, DIFFERENCES_SHOWN))
    for (const { name, recorded, recomputed } of fields)
      lines.push(
        `  line ${line}, ${pool} ${sequence}: ${name} was ${short(recorded)}, would now be ${short(recomputed)}`,
      );
  if (differ.length > DIFFERENCES_SHOWN) lines.push(`  and ${differ.length - DIFFERENCES_SHOWN} more`);
  return `${lines.join('\n')}\n`;
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
