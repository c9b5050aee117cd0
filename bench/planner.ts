import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ROLE_FLAGS } from '../src/config/environment.js';
import { CASES, type PlannerCase, type PlannerSide, plannerSideSchema } from './planner/cases.js';

export interface PlannerBenchOptions {
  /** Only cases of up to so many pools. */
  pools: number;
  note: (line: string) => void;
}

/** Issue 3: one process plans 1,000 pools every few seconds. */
const REACH = { meanMs: 1, p99Ms: 5, burstMs: 0.1 };

export interface PlannerRow extends PlannerSide {
  name: string;
  workers: number;
  predictor: string;
  pools: number;
  /** Mean of a plan in full over the mean of a JSON round trip of the same observations. */
  ratio: number;
  reached: boolean;
}

/**
 * What a plan costs: a full one (sizing from the forecast), the look in between, and the burst test alone, on what a
 * planner saw of a simulated pool; by replicas, by forecast and by pools in one process. Each case has a process of its own,
 * with the JSON round trip of the same observations timed in between.
 */
export async function planner(options: PlannerBenchOptions): Promise<{ rows: PlannerRow[]; text: string }> {
  const rows: PlannerRow[] = [];
  for (const one of CASES.filter(({ pools }) => pools <= options.pools)) {
    options.note(`planner: ${one.name}`);
    const side = await measure(one);
    const { name, workers, predictor, pools } = one;
    const ratio = side.slow.meanMs / side.json.meanMs;
    rows.push({ name, workers, predictor, pools, ...side, ratio, reached: reaches(side) });
  }
  return { rows, text: print(rows) };
}

function reaches({ slow, fast, burst }: PlannerSide): boolean {
  return (
    slow.meanMs <= REACH.meanMs &&
    slow.p99Ms <= REACH.p99Ms &&
    fast.meanMs <= REACH.burstMs &&
    burst.meanMs <= REACH.burstMs
  );
}

function measure(one: PlannerCase): Promise<PlannerSide> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./planner/side.js', import.meta.url)), [one.name], {
      execArgv: ['--expose-gc', ...ROLE_FLAGS],
    });
    child.on('message', (message) => resolve(plannerSideSchema.parse(message)));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the case ${one.name} ended with ${code}`)));
  });
}

function print(rows: readonly PlannerRow[]): string {
  const header = [
    '',
    'plan mean',
    'p99',
    'look mean',
    'p99',
    'burst test',
    'JSON',
    'plan/JSON',
    'all pools',
    'p99',
    'KB/pool',
    '',
  ];
  const lines = rows.map((row) => [
    row.name,
    ms(row.slow.meanMs),
    ms(row.slow.p99Ms),
    ms(row.fast.meanMs),
    ms(row.fast.p99Ms),
    ms(row.burst.meanMs),
    ms(row.json.meanMs),
    row.ratio.toFixed(1),
    row.round === null ? '-' : ms(row.round.meanMs),
    row.round === null ? '-' : ms(row.round.p99Ms),
    row.kilobytesPerPool?.toFixed(0) ?? '-',
    row.reached ? 'reached' : 'MISSED',
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...lines].map((line) => line[i]?.length ?? 0)));
  const format = (line: string[]) =>
    line
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [
    format(header),
    ...lines.map(format),
    '',
    `Milliseconds of processor time, all threads. To reach: a plan ${REACH.meanMs} on average and ${REACH.p99Ms} at p99, a look in between and the burst`,
    `test ${REACH.burstMs} on average. Plan: sizing from the forecast, once in ten seconds a pool; look: every two seconds. JSON: the`,
    'observation to text and back. All pools: each looked at once.',
  ].join('\n');
}

function ms(value: number): string {
  return value.toFixed(value < 1 ? 4 : 2);
}
