import type { TransitionRecord } from '../../contract/transition.js';
import { memorySchema } from '../../planning/memory.js';
import { isRoutine } from '../../scheduler/planner-loop/replay.js';
import type { PlannerSnapshot } from '../../scheduler/planner-loop/snapshot.js';

/** A field of a record that is not what it should be. */
export interface FieldDifference {
  name: string;
  recorded: unknown;
  recomputed: unknown;
}

/**
 * Whether the records of each pool follow one another, in the order of a file. Every change of state and every run of the slow
 * loop is a record, so a record begins in the state, and with the last run, that the one before it left, and its sequence is one
 * more (a plan that changed nothing: the same). The first of a pool may be any, for older ones are trimmed; so may one of a
 * planner that began anew, with a memory of no run, later than what stands before it.
 */
export class RecordChain {
  readonly #last = new Map<string, { record: TransitionRecord; after: PlannerSnapshot | null }>();

  /** What of `record` does not follow from the one before it; `after`: its planner afterwards, null: not known. */
  add(record: TransitionRecord, after: PlannerSnapshot | null): FieldDifference[] {
    const last = this.#last.get(record.pool);
    this.#last.set(record.pool, { record, after });
    if (last === undefined) return [];
    const ranAtMs = memorySchema.safeParse(record.basis?.memory).data?.lastSlowAtMs ?? null;
    const lastRanAtMs = last.after === null ? ranAtMs : last.after.memory.lastSlowAtMs;
    if (ranAtMs === null && lastRanAtMs !== null && record.atMs > last.record.atMs) return [];
    const expected = [
      {
        name: 'sequence',
        recorded: record.sequence,
        recomputed: last.record.sequence + (isRoutine(record) ? 0 : 1),
      },
      { name: 'from', recorded: record.from, recomputed: last.record.to },
      { name: 'basis.memory.lastSlowAtMs', recorded: ranAtMs, recomputed: lastRanAtMs },
    ];
    return expected.filter(({ recorded, recomputed }) => recorded !== recomputed);
  }
}

/** Where a record's own content is of another pool than it says: observation, order and policy name theirs. */
export function otherPool({ pool, observation, order, basis }: TransitionRecord): FieldDifference[] {
  const remembered = memorySchema.safeParse(basis?.memory).data?.order ?? null;
  const named = [observation?.pool, order?.pool, basis?.policy?.pool, remembered?.pool];
  const other = named.find((name) => name !== undefined && name !== pool);
  return other === undefined ? [] : [{ name: 'pool', recorded: pool, recomputed: other }];
}
