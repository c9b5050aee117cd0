import type { SystemStatus } from '../../../contract/status.js';
import type { LogEntry, Sample } from '../../view.js';
import { plannerTrouble } from '../parts.js';

/** One machine at some moment. */
export interface MachineAt {
  id: string;
  kind: 'planner' | 'worker';
  pool: string;
  name: string;
  /** null: not known. */
  state: string | null;
  /** It is not heard: the state is what it was. */
  silent: boolean;
}

/** The machines that live now. */
export function machinesNow(status: SystemStatus): MachineAt[] {
  const planners = status.pools.map((pool) => ({
    ...planner(pool.name, pool.planner.state),
    silent: plannerTrouble(status, pool) !== null,
  }));
  const workers = status.pools.flatMap((pool) =>
    pool.workers.each.map((one) => worker(pool.name, one.id, one.state)),
  );
  return [...planners, ...workers];
}

/** The machines of a recorded moment: planners by their transitions, workers by the sample before it. */
export function machinesAt(
  atMs: number,
  pools: readonly string[],
  log: readonly LogEntry[],
  samples: readonly Sample[],
): MachineAt[] {
  const planners = pools.map((pool) => {
    const own = log.filter((entry) => entry.machine === 'planner' && entry.pool === pool);
    const before = own.findLast((entry) => entry.atMs <= atMs);
    return planner(pool, before?.to ?? own[0]?.from ?? null);
  });
  const sample = samples.findLast(({ t }) => t <= atMs);
  const workers = Object.entries(sample?.p ?? {}).flatMap(([pool, { w }]) =>
    Object.entries(w).map(([id, state]) => worker(pool, id, state)),
  );
  return [...planners, ...workers];
}

/** The last change of a machine's state before a moment. */
export function lastChange(machine: MachineAt, atMs: number, log: readonly LogEntry[]): LogEntry | undefined {
  return log.findLast((entry) => entry.atMs <= atMs && isOf(entry, machine) && entry.from !== entry.to);
}

export function isOf(entry: LogEntry, { kind, pool, id }: MachineAt): boolean {
  if (entry.machine !== kind || entry.pool !== pool) return false;
  return kind === 'planner' || entry.workerId === id;
}

function planner(pool: string, state: string | null): MachineAt {
  return { id: `planner-${pool}`, kind: 'planner', pool, name: `Planner ${pool}`, state, silent: false };
}

function worker(pool: string, id: string, state: string | null): MachineAt {
  return { id, kind: 'worker', pool, name: `Worker ${id}`, state, silent: false };
}
