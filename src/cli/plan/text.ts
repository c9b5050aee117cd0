import { type FleetOutcome, workersOf } from '../../simulator/plan/fleets.js';
import { alignedTable } from '../report/table.js';
import type { PlanAnswer } from './answer.js';

const BAR = 40;

/** The answer for a reader: the split, then each pool's curve, then what fails. */
export function renderPlan(answer: PlanAnswer): string {
  const { judged, load, gpus, pools, without } = answer;
  const lines = [
    judged.whole
      ? `${answer.file}: ${load.requests} requests in ${minutes(load.seconds)}, all simulated; cold start ${answer.coldStartSeconds} s`
      : `${answer.file}: ${load.requests} requests in ${minutes(load.seconds)}; only the busiest ${minutes(judged.toSeconds - judged.fromSeconds)} ` +
        `(from minute ${judged.fromSeconds / 60}, ${judged.requests} requests) are simulated; cold start ${answer.coldStartSeconds} s`,
    '',
    ...alignedTable([
      [
        'POOL',
        'REQUESTS',
        'TTFT',
        'ITL',
        'NEED',
        'FIXED GPUS',
        'WORKERS',
        'IN TIME',
        'GPU-H',
        'SCALED GPUS',
        'IN TIME',
        'GPU-H',
      ],
      ...pools.map((plan) => [
        plan.pool,
        String(plan.requests),
        `${plan.targets.ttftSeconds} s`,
        `${plan.targets.itlSeconds} s`,
        percent(1 - plan.violationsAllowed),
        ...fleetCells(plan.fixed, true),
        ...fleetCells(plan.scaled, false),
      ]),
    ]),
    '',
    `GPUs in all: ${gpus.fixed ?? 'no answer'} fixed, ${gpus.scaled ?? 'no answer'} as ceilings of Sluice's planner; ` +
      `these pools have ${gpus.configured} configured, the inventory has ${gpus.inventory}.`,
  ];
  if (without.length > 0) lines.push(`No request came for: ${without.join(', ')}.`);
  for (const plan of pools) {
    lines.push(
      '',
      `${plan.pool}: in time by GPUs of a fixed fleet, ${percent(1 - plan.violationsAllowed)} needed`,
    );
    lines.push(...curve(plan.curve));
    if (plan.inWords !== null) lines.push(`${plan.pool} cannot be kept: ${plan.inWords}`);
    else if (plan.scaled === null)
      lines.push(
        `${plan.pool}: Sluice's planner keeps it below none of the ceilings that were tried (to 1.4 x the fixed fleet, or --max-gpus); a higher min_workers helps.`,
      );
  }
  return `${lines.join('\n')}\n`;
}

function fleetCells(fleet: FleetOutcome | null, withWorkers: boolean): string[] {
  if (fleet === null) return withWorkers ? ['none', '-', '-', '-'] : ['none', '-', '-'];
  const { gpus, attainment, gpuHours } = fleet;
  return [String(gpus), ...(withWorkers ? [workersOf(fleet)] : []), percent(attainment), gpuHours.toFixed(2)];
}

function curve(points: readonly FleetOutcome[]): string[] {
  const widest = Math.max(...points.map(({ gpus }) => String(gpus).length));
  return points.map((fleet) => {
    const { gpus, attainment, kept } = fleet;
    const bar = '#'.repeat(Math.round(BAR * attainment)).padEnd(BAR, '.');
    const split = fleet.prefillWorkers > 0 ? `  ${workersOf(fleet)}` : '';
    return `  ${String(gpus).padStart(widest)} GPUs  ${bar}  ${percent(attainment)}${split}${kept ? '  kept' : ''}`;
  });
}

/** 0.053 as `5.3 %`. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function minutes(seconds: number): string {
  return seconds >= 7200 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 60)} min`;
}
