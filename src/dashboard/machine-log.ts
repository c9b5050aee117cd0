import type { SystemStatus } from '../contract/status.js';
import type { TransitionRecord } from '../contract/transition.js';
import type { LogEntry } from './view.js';

/** Entries that the page is sent; older ones it asks for. */
const SHOWN = 60;

/** The newest things that happened to machines: planners by their records, workers as their states are seen to change. */
export class MachineLog {
  readonly #seen = new Map<string, string>();
  #workers: [key: string, entry: LogEntry][] = [];
  #count = 0;

  /** Takes a look at all machines. @returns the newest entries by key, oldest first. */
  look(status: SystemStatus, records: readonly TransitionRecord[]): Record<string, LogEntry> {
    this.#lookAtWorkers(status);
    const planners = records.map((record): [string, LogEntry] => [
      `${record.pool}:${record.sequence}`,
      plannerEntry(record),
    ]);
    const all = [...planners, ...this.#workers].sort(([, a], [, b]) => a.atMs - b.atMs);
    return Object.fromEntries(all.slice(-SHOWN));
  }

  #lookAtWorkers(status: SystemStatus): void {
    const here = new Map<string, { pool: string; state: string }>();
    for (const pool of status.pools) {
      for (const { id, state } of pool.workers.each) here.set(id, { pool: pool.name, state });
    }
    for (const [workerId, { pool, state }] of here) {
      const before = this.#seen.get(workerId);
      if (before === state) continue;
      this.#seen.set(workerId, state);
      this.#note(workerId, pool, status.atMs, before ?? 'starting', state);
    }
    for (const workerId of this.#seen.keys()) if (!here.has(workerId)) this.#seen.delete(workerId);
  }

  #note(workerId: string, pool: string, atMs: number, from: string, to: string): void {
    const event = from === to ? 'SEEN' : 'CHANGED';
    const reason = from === to ? `first seen ${to}` : `seen ${to} after ${from}`;
    const entry: LogEntry = {
      machine: 'worker',
      pool,
      workerId,
      atMs,
      from,
      to,
      event,
      reason,
      numbers: {},
      order: null,
    };
    this.#workers.push([`${workerId}:${this.#count++}`, entry]);
    this.#workers = this.#workers.slice(-SHOWN);
  }
}

export function plannerEntry(record: TransitionRecord): LogEntry {
  const { pool, atMs, from, to, event, reason, numbers, order } = record;
  return {
    machine: 'planner',
    pool,
    workerId: null,
    atMs,
    from,
    to,
    event,
    reason,
    numbers,
    order:
      order === null ? null : { generation: order.generation, prefill: order.prefill, decode: order.decode },
  };
}
