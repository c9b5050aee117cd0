import type { LockManager } from 'bullmq';

/**
 * Which processing of a job holds its lock, in one worker. BullMQ stops renewing a job's lock by the job's id when it is
 * through with it, and Redis may have given the same worker the same job again before that (tried again, put back, stalled):
 * the next processing's lock would run out. Here each lets go of its own lock only.
 */
export class RunLocks {
  /** Job id -> lock token of its newest processing. */
  readonly #tokens = new Map<string, string>();
  readonly #untrack: (id: string) => void;

  /** Takes over from the manager when a lock is renewed no longer. */
  constructor(manager: Pick<LockManager, 'untrackJob'>) {
    this.#untrack = manager.untrackJob.bind(manager);
    manager.untrackJob = () => {};
  }

  /** A processing begins; that of an earlier one of this job has lost its lock, or given it back. */
  hold(id: string, token: string): void {
    this.#tokens.set(id, token);
  }

  holds(id: string, token: string | undefined): boolean {
    return token !== undefined && this.#tokens.get(id) === token;
  }

  /** The processing that has this token ends: its lock is renewed no longer. */
  release(id: string, token: string): void {
    if (!this.holds(id, token)) return;
    this.#tokens.delete(id);
    this.#untrack(id);
  }
}
