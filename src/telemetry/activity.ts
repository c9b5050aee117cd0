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

export interface StateChange {
  from: PlannerState;
  to: PlannerState;
  count: number;
}

export function stepOf(record: TransitionRecord): PlannerStep {
  const { atMs, from, to, reason, order } = record;
  return { atMs, from, to, reason, ordered: order === null ? null : order.prefill + order.decode };
}

/**
 * Counts a pool's scale actions and states as its steps come. An order for more workers than the order before it is a
 * scale-up, for fewer a scale-down; the same number is no action. A reversal is an action that turns the pool's last action
 * around within `reversalSeconds` of it.
 */
export class PlannerTally {
  readonly #visited: Set<PlannerState>;
  readonly #changes = new Map<string, StateChange>();
  #ordered: number;
  #last: { up: boolean; atMs: number } | null = null;
  #scaleUps = 0;
  #scaleDowns = 0;
  #reversals = 0;

  constructor(
    start: PlannerStart,
    private readonly reversalSeconds: number,
  ) {
    this.#visited = new Set(start.state === null ? [] : [start.state]);
    this.#ordered = start.ordered ?? 0;
  }

  add({ atMs, from, to, ordered }: PlannerStep): void {
    this.#visited.add(from);
    this.#visited.add(to);
    this.#countChange(from, to);
    if (ordered === null || ordered === this.#ordered) return;
    const up = ordered > this.#ordered;
    if (up) this.#scaleUps++;
    else this.#scaleDowns++;
    const last = this.#last;
    if (last !== null && last.up !== up && atMs - last.atMs <= this.reversalSeconds * 1000) this.#reversals++;
    this.#last = { up, atMs };
    this.#ordered = ordered;
  }

  get activity(): PlannerActivity {
    const statesVisited = PLANNER_STATES.filter((state) => this.#visited.has(state));
    return {
      scaleUps: this.#scaleUps,
      scaleDowns: this.#scaleDowns,
      reversals: this.#reversals,
      statesVisited,
    };
  }

  /** How often each change of state came; orders within a state are none. */
  get changes(): StateChange[] {
    return [...this.#changes.values()].map((change) => ({ ...change }));
  }

  #countChange(from: PlannerState, to: PlannerState): void {
    if (from === to) return;
    const known = this.#changes.get(`${from} ${to}`);
    if (known === undefined) this.#changes.set(`${from} ${to}`, { from, to, count: 1 });
    else known.count++;
  }
}

/** What `PlannerTally` counts in all of these steps. */
export function plannerActivity(
  start: PlannerStart,
  steps: readonly PlannerStep[],
  reversalSeconds: number,
): PlannerActivity {
  const tally = new PlannerTally(start, reversalSeconds);
  for (const step of steps) tally.add(step);
  return tally.activity;
}

/** Time within which an action that turns the last one around counts as a reversal: no capacity came of the first. */
export function reversalSeconds(config: Config, pool: PoolConfig): number {
  const coldStart = pool.engine.kind === 'noop' ? 0 : pool.engine.coldStartSeconds;
  return Math.max(coldStart, config.planner.adjustmentIntervalSeconds);
}
