import type { Config, PoolConfig } from '../config/types.js';
import { PLANNER_STATES, type PlannerState, type TransitionRecord } from '../contract/transition.js';

/** What a report takes from one transition record. */
export interface PlannerStep {
  atMs: number;
  from: PlannerState;
  to: PlannerState;
  reason: string;
  /** Workers of both roles that the step ordered; null: no order. */
  ordered: number | null;
}

/** A pool's planner when the run began. */
export interface PlannerStart {
  /** null: no record yet. */
  state: PlannerState | null;
  /** Workers of its last order; null: none yet. */
  ordered: number | null;
}

export interface PlannerActivity {
  scaleUps: number;
  scaleDowns: number;
  reversals: number;
  /** In the order of the table of states. */
  statesVisited: PlannerState[];
}

export function stepOf(record: TransitionRecord): PlannerStep {
  const { atMs, from, to, reason, order } = record;
  return { atMs, from, to, reason, ordered: order === null ? null : order.prefill + order.decode };
}

/**
 * Counts a pool's scale actions and states. An order for more workers than the order before it is a scale-up, for
 * fewer a scale-down; the same number is no action. A reversal is an action that turns the pool's last action
 * around within `reversalSeconds` of it.
 */
export function plannerActivity(
  start: PlannerStart,
  steps: readonly PlannerStep[],
  reversalSeconds: number,
): PlannerActivity {
  const visited = new Set<PlannerState>(start.state === null ? [] : [start.state]);
  let ordered = start.ordered ?? 0;
  let last: { up: boolean; atMs: number } | null = null;
  let scaleUps = 0;
  let scaleDowns = 0;
  let reversals = 0;
  for (const step of steps) {
    visited.add(step.from);
    visited.add(step.to);
    if (step.ordered === null || step.ordered === ordered) continue;
    const up = step.ordered > ordered;
    if (up) scaleUps++;
    else scaleDowns++;
    if (last !== null && last.up !== up && step.atMs - last.atMs <= reversalSeconds * 1000) reversals++;
    last = { up, atMs: step.atMs };
    ordered = step.ordered;
  }
  const statesVisited = PLANNER_STATES.filter((state) => visited.has(state));
  return { scaleUps, scaleDowns, reversals, statesVisited };
}

/** How often each change of state is on record; orders within a state are none. */
export function transitionCounts(
  steps: readonly Pick<PlannerStep, 'from' | 'to'>[],
): { from: PlannerState; to: PlannerState; count: number }[] {
  const counts = new Map<string, { from: PlannerState; to: PlannerState; count: number }>();
  for (const { from, to } of steps) {
    if (from === to) continue;
    const known = counts.get(`${from} ${to}`);
    if (known === undefined) counts.set(`${from} ${to}`, { from, to, count: 1 });
    else known.count++;
  }
  return [...counts.values()];
}

/** Time within which an action that turns the last one around counts as a reversal: no capacity came of the first. */
export function reversalSeconds(config: Config, pool: PoolConfig): number {
  const coldStart = pool.engine.kind === 'noop' ? 0 : pool.engine.coldStartSeconds;
  return Math.max(coldStart, config.planner.adjustmentIntervalSeconds);
}
