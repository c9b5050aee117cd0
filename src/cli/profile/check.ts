import { loadMeasuredTable, loadProfile } from '../../profile/load.js';
import { measuredProfile } from '../../profile/measured.js';
import type { ReadTableOptions } from '../../profile/tables/read.js';
import {
  type CheckedPoint,
  checkTable,
  type SweepError,
  type TableCheck,
} from '../../simulator/sweep/check.js';
import { alignedTable } from '../report/table.js';

/** Mean absolute error that a sim engine may have. */
const LIMIT = 0.08;

/** `sluice profile check --json`. */
export interface CheckReport {
  limit: number;
  reached: boolean;
  tables: TableCheck[];
}

/**
 * Drives the sim engine through the sweep of each table, on the law fitted to that table or on a profile of the caller's.
 * @throws SluiceError invalid_config for a table or profile that cannot be read or lacks the table's TP degree.
 */
export function checkReport(
  paths: readonly string[],
  options: ReadTableOptions & { profile?: string },
): CheckReport {
  const given = options.profile === undefined ? null : loadProfile(options.profile);
  const tables = paths.map((path) => {
    const table = loadMeasuredTable(path, options);
    const own = measuredProfile([table]);
    return checkTable(table, given ?? own, Number(Object.keys(own.tp)[0]));
  });
  const within = (error: SweepError) => error.meanAbsolute <= LIMIT;
  return {
    limit: LIMIT,
    reached: tables.every(({ trusted }) => within(trusted.ttft) && within(trusted.itl)),
    tables,
  };
}

export function renderCheck(report: CheckReport): string {
  const rows = report.tables.map(({ table, tp, sweep, trusted, all }) => [
    table,
    String(tp),
    sweep.promptsComputed ? 'computed' : 'cached',
    ...[trusted.ttft, trusted.itl, trusted.throughput].map(mean),
    ...[all.ttft, all.itl].map(mean),
    ...[trusted.ttft, trusted.itl].map(({ worst }) => percent(worst)),
  ]);
  const heads = [
    'table',
    'TP',
    'prompts',
    'TTFT',
    'ITL',
    'tokens/s',
    'TTFT all',
    'ITL all',
    'worst TTFT',
    'worst ITL',
  ];
  return [
    'the sim engine, driven through the sweep that made each table; mean absolute error (points):',
    '',
    ...alignedTable([heads, ...rows]),
    '',
    ...report.tables.flatMap(leftOut),
    ...report.tables.flatMap(promptsText),
    ...[...new Set(report.tables.map(({ profile, engine }) => `profile ${profile}: ${limits(engine)}`))],
    `${percent(report.limit)} for TTFT and ITL: ${report.reached ? 'reached' : 'missed'}`,
  ].join('\n');
}

/** `--points`: every point of every table. */
export function renderPoints(report: CheckReport): string {
  const heads = ['table', 'point', 'tokens', 'batch', 'measured ms', 'simulated ms', 'error', 'tokens/s'];
  const rows = report.tables.flatMap(({ table, points }) => points.map((point) => pointRow(table, point)));
  return alignedTable([heads, ...rows]).join('\n');
}

function pointRow(table: string, point: CheckedPoint): string[] {
  const { kind, tokens, batch, measuredSeconds, simulatedSeconds, throughputRatio, suspect } = point;
  return [
    table,
    `${kind.toUpperCase()}${suspect === null ? '' : '*'}`,
    String(tokens),
    String(batch),
    (1000 * measuredSeconds).toFixed(2),
    (1000 * simulatedSeconds).toFixed(2),
    signed(simulatedSeconds / measuredSeconds - 1),
    throughputRatio === null ? '' : signed(throughputRatio - 1),
  ];
}

function leftOut({ table, points }: TableCheck): string[] {
  const found = points.flatMap(({ suspect }) => (suspect === null ? [] : [suspect]));
  return found.length === 0
    ? []
    : [`${table}: not trusted, in "all" only:`, ...found.map((why) => `  ${why}`), ''];
}

function promptsText({ table, sweep, promptsShare }: TableCheck): string[] {
  if (!sweep.promptsComputed) return [];
  const share = `${Math.round(100 * promptsShare)} %`;
  return [
    `${table}: ${share} of the measured ITL is the prompts of other requests, which the sweep computed meanwhile`,
  ];
}

function limits({ maxBatchedTokens, maxSequences, kvTokens }: TableCheck['engine']): string {
  return `${maxBatchedTokens} tokens a step, ${maxSequences} sequences, KV cache of ${kvTokens} tokens`;
}

function mean({ meanAbsolute, points }: SweepError): string {
  return `${percent(meanAbsolute)} (${points})`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function signed(share: number): string {
  return `${share < 0 ? '' : '+'}${percent(share)}`;
}
