import type { SnapshotFrom } from 'xstate';
import { z } from 'zod';
import { plannerMachine } from '../../../machines/planner.js';
import { type PlannerState, plannerStateSchema } from '../../contract/transition.js';
import { memorySchema, type PlannerMemory } from '../../planning/memory.js';

/** A planner at rest between two events: plain JSON, all that a restart needs. */
export const snapshotSchema = z.object({
  version: z.literal(1),
  pool: z.string().min(1),
  state: plannerStateSchema,
  /** Transition records published so far. */
  sequence: z.number().int().min(0),
  /** Unix ms of the last event. */
  atMs: z.number(),
  why: z.string(),
  memory: memorySchema,
});
export type PlannerSnapshot = z.output<typeof snapshotSchema>;

/** A planner that begins; its machine's first state. */
export function beginning(
  pool: string,
  memory: PlannerMemory,
  sequence: number,
  nowMs: number,
): PlannerSnapshot {
  return { version: 1, pool, state: 'idle', sequence, atMs: nowMs, why: 'started', memory };
}

export function toMachine(snapshot: PlannerSnapshot): SnapshotFrom<typeof plannerMachine> {
  const { pool, memory, why, state } = snapshot;
  return plannerMachine.resolveState({ value: state, context: { pool, memory, why, numbers: {} } });
}

export function stateOf(machine: SnapshotFrom<typeof plannerMachine>): PlannerState {
  return plannerStateSchema.parse(machine.value);
}
