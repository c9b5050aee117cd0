import type { WorkerSpec } from '../contract/spec.js';

/** Where a worker's process runs. */
export interface StartedWorker {
  /** Name of the machine, as its operating system has it. */
  host: string;
  pid: number;
}

export interface WorkerExit {
  code: number | null;
  signal: string | null;
}

/**
 * Starts and stops real workers. It decides nothing and knows no leases: the allocator takes the lease first, and
 * gives it back when the worker is gone.
 */
export interface Actuator {
  /** Errors: `engine_failed` when the process cannot be started. */
  start(spec: WorkerSpec): Promise<StartedWorker>;
  /** Takes over a worker that an earlier allocator started; one of another host cannot be seen. */
  adopt(workerId: string, started: StartedWorker): void;
  /**
   * `drain`: asks it to finish its requests and stop; else it is killed at once. With `hurry` it is asked once more: the
   * requests that it still has go back to their queue. Unknown or dead: no error.
   */
  stop(workerId: string, options: { drain: boolean; hurry?: boolean }): Promise<void>;
  /** Takes a drain back: the worker takes work again, if it has not stopped. */
  resume(workerId: string): Promise<void>;
  /** null: not a worker that this actuator can see. */
  alive(workerId: string): boolean | null;
  /** How a worker of this actuator ended; null: it lives, or another process watched it end. */
  exitOf(workerId: string): WorkerExit | null;
  /** All workers that it has started or adopted and not forgotten. */
  known(): string[];
  /** Drops what is remembered of a dead worker. */
  forget(workerId: string): void;
  /** Last lines of a worker's output, oldest first. */
  logTail(workerId: string, lines: number): Promise<string[]>;
  /** Calls back soon after a worker has ended. */
  onExit(listener: (workerId: string) => void): void;
}
