import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { PoolStatus } from '../../contract/status.js';
import type { TransitionRecord } from '../../contract/transition.js';
import { type MachineEdge, machineGraphs } from '../../dashboard/machine-graph.js';
import { connect } from '../../queues/connection.js';
import { Keys } from '../../queues/keys.js';
import { assertRedis } from '../../queues/server-check.js';
import { StatusCollector } from '../../telemetry/status.js';
import { cell, duration, type Line, paint } from '../status/text.js';
import { type StatusOutput, watchLooks } from '../status/watch.js';
import { answered, view } from '../status.js';

export interface LiveOptions {
  config: Config;
  redisUrl: string;
  pool: string;
  /** Each transition as a line of JSON, as it comes. */
  json: boolean;
  color: boolean;
  out?: StatusOutput | undefined;
  signal?: AbortSignal | undefined;
}

/** Transitions shown below the machines. */
const LOG_SHOWN = 12;

/**
 * `sluice machines --live POOL`: the planner's statechart with its state lit, its workers' beside it, and each transition
 * as it comes with its reason and numbers. Into a file or pipe: one line a transition.
 * @throws SluiceError not_found for a pool that is not there, no_redis at its start
 */
export async function liveMachines(options: LiveOptions): Promise<void> {
  const { config, redisUrl, pool, json } = options;
  if (!Object.hasOwn(config.pools, pool)) {
    const known = Object.keys(config.pools).join(', ');
    throw new SluiceError('not_found', `expected a pool out of ${known}, got ${JSON.stringify(pool)}`);
  }
  await assertRedis(redisUrl);
  const redis = connect(redisUrl, 'plain');
  const collector = new StatusCollector(redis, new Keys(config.namespace), config);
  const out = options.out ?? process.stdout;
  const live = out.isTTY === true && !json;
  let seen = 0;
  try {
    await watchLooks({ out, live, separator: '\n', signal: options.signal }, async () => {
      const status = await answered(collector.collect(Date.now()), redisUrl);
      const found = status.pools.find(({ name }) => name === pool);
      const records = collector.records().filter((record) => record.pool === pool);
      const fresh = records.filter(({ sequence }) => sequence > seen);
      seen = records.at(-1)?.sequence ?? seen;
      if (json) return fresh.map((record) => JSON.stringify(record)).join('\n');
      const { color: colour, width } = view({ color: options.color, out });
      const lines = live && found !== undefined ? liveLines(found, records, status.atMs) : fresh.map(logLine);
      return paint(lines, { colour, width });
    });
  } finally {
    redis.disconnect();
    await collector.close();
  }
}

/** The machines of a pool and what they did last. */
export function liveLines(pool: PoolStatus, records: readonly TransitionRecord[], nowMs: number): Line[] {
  const planner = machineGraphs().find(({ name }) => name === 'planner');
  const { states, edges } = planner ?? { states: [], edges: [] };
  const { state, sinceMs } = pool.planner;
  const last = records.findLast(({ from, to }) => from !== to);
  const since = sinceMs === null ? '' : `  for ${duration(Math.max(0, nowMs - sinceMs) / 1000)}`;
  return [
    [
      cell(`planner ${pool.name}`, 'bold'),
      cell(since),
      cell(last === undefined ? '' : `  ${last.reason}`, 'dim'),
    ],
    [],
    ...states.map((name) => stateLine(name, name === state, last, edges)),
    [],
    [cell('workers', 'bold'), ...(pool.workers.each.length === 0 ? [cell('  none', 'dim')] : [])],
    ...pool.workers.each.map((worker): Line => {
      const lit = worker.state === 'ready' ? 'green' : worker.state === 'failed' ? 'red' : 'yellow';
      return [
        cell(`  ${worker.id}  `),
        cell(worker.state, lit),
        cell(`  ${worker.gpus.join(' ')}  ${worker.running} running`, 'dim'),
      ];
    }),
    [],
    ...records.slice(-LOG_SHOWN).map(logLine),
  ];
}

/** One state: lit when it is the present one, with the ways out of it; the one just left is marked. */
function stateLine(
  name: string,
  active: boolean,
  last: TransitionRecord | undefined,
  edges: readonly MachineEdge[],
): Line {
  const mark = active ? '>' : last?.from === name ? '.' : ' ';
  const ways = edges
    .filter(({ from, to }) => from === name && to !== name)
    .map(({ to, event, guard }) => `${guard === null ? event : `${event} [${guard}]`} -> ${to}`);
  return [
    cell(`${mark} ${name.padEnd(13)}`, active ? 'green' : 'dim'),
    cell(active ? [...new Set(ways)].join('; ') : '', 'dim'),
  ];
}

function logLine({ atMs, from, to, event, reason, numbers, order }: TransitionRecord): Line {
  const shown = Object.entries(numbers)
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => `${name}=${Number(Number(value).toPrecision(4))}`);
  const ordered = order === null ? '' : `  order ${order.generation}: ${order.prefill}+${order.decode}`;
  return [
    cell(`${new Date(atMs).toTimeString().slice(0, 8)}  `, 'dim'),
    cell(from === to ? to : `${from} -> ${to}`, 'cyan'),
    cell(`  ${event}${ordered}  ${reason}`),
    cell(shown.length === 0 ? '' : `  ${shown.join(' ')}`, 'dim'),
  ];
}
