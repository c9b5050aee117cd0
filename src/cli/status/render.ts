import type { PoolStatus, ReplicaStatus, RoleStatus, SystemStatus } from '../../contract/status.js';
import type { PlannerState } from '../../contract/transition.js';
import { formerPoolAdvice } from '../../queues/former-pools.js';
import { type Cell, type Colour, cell, duration, type Line, paint, percent, table } from './text.js';
import { sparkline, type Trends } from './trends.js';
import { watched } from './watched.js';

const STATE_COLOURS: Record<PlannerState, Colour> = {
  idle: 'dim',
  steady: 'green',
  scaleUp: 'cyan',
  burstProtect: 'magenta',
  costOptimize: 'blue',
  degraded: 'red',
  paused: 'yellow',
};
const POOL_COLOURS: readonly Colour[] = ['magenta', 'cyan', 'green', 'yellow', 'blue'];
const TRANSITIONS_SHOWN = 6;
const LOG_LINES_SHOWN = 3;

/**
 * The status as text for a terminal `width` characters wide, without a line break at its end.
 * @param trends what a watch has seen so far; absent: a single look has no past
 */
export function renderStatus(
  status: SystemStatus,
  options: { color: boolean; width: number },
  trends?: Trends,
): string {
  const lines: Line[] = [
    header(status),
    rolesLine(status.roles),
    ...status.formerPools.map((pool) => [cell(formerPoolAdvice(pool), 'red')]),
    [],
    ...gpuLines(status),
    [],
    ...poolTable(status),
    [],
    ...requestTable(status),
    [],
    ...(trends === undefined ? [] : trendTable(status, trends)),
    ...costTable(status),
    ...startingLines(status),
    ...failureLines(status),
    ...transitionLines(status),
  ];
  return paint(lines, { colour: options.color, width: options.width });
}

function header({ atMs, startedAtMs, namespace, total }: SystemStatus): Line {
  const up = startedAtMs === null ? 'not started' : `up ${duration((atMs - startedAtMs) / 1000)}`;
  const saved = total.staticGpuHours > 0 ? total.savedGpuHours / total.staticGpuHours : null;
  return [
    cell(namespace, 'bold'),
    cell(`  ${clock(atMs)}  ${up}  GPUs ${total.gpusHeld}/${total.gpus}`),
    cell(`  GPU-hours ${total.gpuHours.toFixed(3)} of ${total.staticGpuHours.toFixed(3)} static`),
    cell(` (saved ${percent(saved)})  cost $${total.costUsd.toFixed(2)}`),
    ...(total.rejected > 0 ? [cell(`  refused ${total.rejected}`, 'yellow')] : []),
  ];
}

function rolesLine(roles: readonly RoleStatus[]): Line {
  if (roles.length === 0) return [cell('roles  '), cell('none: start them with `sluice up`', 'yellow')];
  const cells = roles.flatMap((role): Cell[] => {
    const restarts = (role.restarts ?? 0) > 0 ? ` (restarts ${role.restarts})` : '';
    switch (role.state) {
      case 'alive':
        return [
          cell(`  ${role.role}`, 'green'),
          cell(role.url === undefined ? '' : ` ${role.url}`),
          cell(restarts, 'yellow'),
        ];
      case 'restarting':
        return [cell(`  ${role.role} restarting${restarts}`, 'yellow')];
      case 'dead':
        return [cell(`  ${role.role} dead for ${duration(role.ageSeconds ?? 0)}`, 'red')];
    }
    return [];
  });
  return [cell('roles', 'dim'), ...cells];
}

/** One line by host: each GPU with the pool that holds it. */
function gpuLines({ gpus, pools }: SystemStatus): Line[] {
  const hosts = new Map<string, typeof gpus>();
  for (const gpu of gpus) {
    const host = gpu.id.slice(0, gpu.id.lastIndexOf(':'));
    hosts.set(host, [...(hosts.get(host) ?? []), gpu]);
  }
  const colourOf = (pool: string) =>
    POOL_COLOURS[pools.findIndex(({ name }) => name === pool) % POOL_COLOURS.length];
  return [...hosts].map(([host, held]) => [
    cell('GPUs', 'dim'),
    cell(`  ${host}`),
    ...held.flatMap(({ id, pool, state }): Cell[] => {
      const index = id.slice(id.lastIndexOf(':') + 1);
      if (pool === null) return [cell(`  ${index} free`, 'dim')];
      const mark = state === 'starting' ? '+' : state === 'draining' ? '-' : '';
      return [cell(`  ${index} `), cell(`${pool}${mark}`, colourOf(pool))];
    }),
  ]);
}

function poolTable({ pools, atMs, roles }: SystemStatus): Line[] {
  const alive = new Set(roles.flatMap(({ role, state }) => (state === 'alive' ? [role] : [])));
  const heading = [
    'POOL',
    'STATE',
    'FOR',
    'WORKERS',
    'GPUS',
    'WAIT',
    'RUN',
    'TTFT',
    'TARGET',
    'ITL',
    'TARGET',
  ];
  const rows = pools.map((pool): Line => {
    const { state, sinceMs } = pool.planner;
    const ttft = watched(pool, pool.minute.ttftSeconds);
    const itl = watched(pool, pool.minute.itlSeconds);
    return [
      cell(pool.name, 'bold'),
      state === null
        ? cell('unknown', 'dim')
        : alive.has(`planner ${pool.name}`)
          ? cell(state, STATE_COLOURS[state])
          : cell(`silent, was ${state}`, 'red'),
      cell(sinceMs === null ? '-' : duration(Math.max(0, atMs - sinceMs) / 1000)),
      cell(
        workersText(pool),
        pool.workers.shortage === null || pool.workers.shortage === 'none' ? undefined : 'yellow',
      ),
      cell(`${pool.gpus.length}/${pool.gpuCeiling}`),
      cell(String(pool.queue.waiting)),
      cell(String(pool.queue.running)),
      late(pool, ttft, pool.targets.ttftSeconds),
      cell(duration(pool.targets.ttftSeconds), 'dim'),
      late(pool, itl, pool.targets.itlSeconds),
      cell(duration(pool.targets.itlSeconds), 'dim'),
    ];
  });
  return table(heading, rows, [0, 1, 3]);
}

/** The last minute: arrivals against the forecast, and latency against its target, which is the top of its bars or below. */
function trendTable({ pools }: SystemStatus, trends: Trends): Line[] {
  const rows = pools.map((pool): Line => {
    const { load, ttft } = trends.of(pool);
    const forecast = pool.planner.forecast?.requestsPerSecond ?? null;
    const late = (ttft.at(-1) ?? 0) > pool.targets.ttftSeconds;
    return [
      cell(pool.name, 'bold'),
      cell(pool.arrivalsPerSecond?.toFixed(1) ?? '-'),
      cell(forecast?.toFixed(1) ?? '-', 'dim'),
      cell(sparkline(load), 'cyan'),
      cell(sparkline(ttft, pool.targets.ttftSeconds), late ? 'red' : 'green'),
    ];
  });
  return [...table(['POOL', 'IN/S', 'FORECAST', 'LOAD 1m', 'TTFT 1m'], rows, [0, 3, 4]), []];
}

function requestTable({ pools }: SystemStatus): Line[] {
  const heading = [
    'POOL',
    'ATTAINED 1m',
    '10m',
    'RUN',
    'NEED',
    'ROUTED',
    'ACTIVE',
    'DONE',
    'FAILED',
    'EXPIRED',
    'CANCELLED',
  ];
  const sentOn = pools.some((pool) => pool.counts.relegated > 0);
  if (sentOn) heading.push('RELEGATED');
  const rows = pools.map((pool): Line => {
    const need = 1 - pool.violationsAllowed;
    const share = (value: number | null) =>
      cell(percent(value, 1), value === null ? 'dim' : value >= need ? 'green' : 'red');
    const { routed, active, completed, failed, expired, cancelled, relegated } = pool.counts;
    return [
      cell(pool.name, 'bold'),
      share(pool.minute.attainment),
      share(pool.tenMinutes.attainment),
      share(pool.run.attainment),
      cell(percent(need, 1), 'dim'),
      ...[routed, active, completed].map((count) => cell(String(count))),
      cell(String(failed), failed > 0 ? 'red' : undefined),
      ...[expired, cancelled, ...(sentOn ? [relegated] : [])].map((count) => cell(String(count))),
    ];
  });
  return table(heading, rows, [0]);
}

function costTable({ pools }: SystemStatus): Line[] {
  const heading = [
    'POOL',
    'PRIORITY',
    'GPU-S',
    'NEEDED',
    'EFFIC',
    'COST',
    'UP',
    'DOWN',
    'REV',
    'USE',
    'RUN',
    'TP',
    'TOK/S/GPU',
    'TP EFF',
  ];
  const rows = pools.map((pool): Line => {
    const { scaling, utilization, tensorParallel } = pool;
    return [
      cell(pool.name, 'bold'),
      cell(String(pool.priority)),
      cell(pool.gpuSeconds.toFixed(0)),
      cell(scaling.neededGpuSeconds.toFixed(0)),
      cell(percent(scaling.efficiency)),
      cell(`$${pool.costUsd.toFixed(2)}`),
      ...[scaling.scaleUps, scaling.scaleDowns, scaling.reversals].map((count) => cell(String(count))),
      cell(percent(utilization.now)),
      cell(percent(utilization.run)),
      cell(tensorParallel.degree === null ? 'auto' : String(tensorParallel.degree)),
      cell(tensorParallel.tokensPerSecondPerGpu?.toFixed(0) ?? '-'),
      cell(percent(tensorParallel.efficiency)),
    ];
  });
  return table(heading, rows, [0]);
}

function failureLines({ pools }: SystemStatus): Line[] {
  const failures = pools.flatMap((pool) => pool.workers.failures);
  return failures.flatMap((failure): Line[] => [
    [
      cell(`${failure.pool} ${failure.role}: `, 'red'),
      cell(
        `${failure.count} crashes in a row, ${failure.gaveUp ? 'given up' : 'starting again'}: ${failure.reason}`,
      ),
    ],
    ...logLines(failure.logTail.slice(-LOG_LINES_SHOWN)),
  ]);
}

/** What an engine prints while it starts: loading a model takes minutes. */
function startingLines({ pools }: SystemStatus): Line[] {
  const starting = pools.flatMap((pool) => pool.workers.each).filter(({ state }) => state === 'starting');
  return starting.flatMap(({ id, engineLog }): Line[] => {
    const lines = logLines(engineLog.slice(-1));
    return lines.length === 0 ? [] : [[cell(`${id} starts:`, 'cyan')], ...lines];
  });
}

function logLines(lines: readonly string[]): Line[] {
  return lines.map((line) => [cell(`  | ${line}`, 'dim')]);
}

function transitionLines({ pools }: SystemStatus): Line[] {
  const newest = pools
    .flatMap((pool) => pool.planner.transitions.map((transition) => ({ pool: pool.name, ...transition })))
    .sort((a, b) => a.atMs - b.atMs)
    .slice(-TRANSITIONS_SHOWN);
  if (newest.length === 0) return [];
  const name = Math.max(...newest.map(({ pool }) => pool.length));
  return [
    [],
    ...newest.map(({ pool, atMs, from, to, reason }): Line => {
      const step = from === to ? to : `${from} -> ${to}`;
      return [
        cell(`${clock(atMs)}  ${pool.padEnd(name)}  `, 'dim'),
        cell(step, STATE_COLOURS[to]),
        cell(`  ${reason}`),
      ];
    }),
  ];
}

/** Ready workers, those on their way, and what the planner wants: "1 +1 -0 of 2", prefill and decode added up. */
function workersText({ workers }: PoolStatus): string {
  const sum = ({ prefill, decode }: ReplicaStatus) => prefill + decode;
  const starting = sum(workers.starting);
  const draining = sum(workers.draining);
  const parts = [String(sum(workers.ready))];
  if (starting > 0) parts.push(`+${starting}`);
  if (draining > 0) parts.push(`-${draining}`);
  if (workers.desired !== null) parts.push(`of ${sum(workers.desired)}`);
  if (workers.shortage !== null && workers.shortage !== 'none') parts.push(`(${workers.shortage})`);
  return parts.join(' ');
}

/** A watched figure of the last minute, against its target. */
function late({ latencyPercentile }: PoolStatus, seconds: number | null, target: number): Cell {
  if (seconds === null) return cell('-', 'dim');
  return cell(`p${latencyPercentile} ${duration(seconds)}`, seconds > target ? 'red' : 'green');
}

function clock(atMs: number): string {
  return new Date(atMs).toTimeString().slice(0, 8);
}
