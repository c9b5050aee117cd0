import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { childEnvironment, ROLE_FLAGS } from '../config/environment.js';
import { SluiceError } from '../contract/errors.js';
import type { WorkerSpec } from '../contract/spec.js';
import type { WorkerRole } from '../contract/worker.js';
import type { Actuator, StartedWorker, WorkerExit } from './actuator.js';
import { deviceIndex } from './core/inventory.js';
import { commandLineHas, processAlive, signal } from './process.js';
import { WorkerLogs } from './worker-logs.js';

interface LocalWorker {
  pid: number;
  /** null: started by an earlier allocator, so that nobody tells us of its end. */
  child: ChildProcess | null;
}

const TRIM_EVERY_MS = 10_000;

/** The compiled worker programs of this installation. */
const PROGRAMS: Record<WorkerRole, string> = {
  vllm: fileURLToPath(new URL('../../workers/vllm-worker.js', import.meta.url)),
  prefill: fileURLToPath(new URL('../../workers/prefill-worker.js', import.meta.url)),
};

/**
 * Workers as processes of this machine, whatever host names the inventory gives its GPUs. Each leads a process group
 * of its own, so that it outlives the allocator and a terminal's Ctrl-C passes it by.
 */
export class LocalActuator implements Actuator {
  private readonly workers = new Map<string, LocalWorker>();
  private readonly listeners: ((workerId: string) => void)[] = [];
  private readonly logs: WorkerLogs;
  private trimmedAtMs = 0;

  constructor(
    private readonly options: { redisUrl: string; dataDir: string; programs?: Record<WorkerRole, string> },
  ) {
    this.logs = new WorkerLogs(options.dataDir);
  }

  async start(spec: WorkerSpec): Promise<StartedWorker> {
    this.trim();
    const program = (this.options.programs ?? PROGRAMS)[spec.role];
    const log = this.logs.open(spec.workerId);
    const child = spawn(process.execPath, [...ROLE_FLAGS, program, '--spec', JSON.stringify(spec)], {
      detached: true,
      stdio: ['ignore', log, log],
      env: childEnvironment({
        // Not on the command line: a password in it would show in the process list.
        REDIS_URL: this.options.redisUrl,
        CUDA_VISIBLE_DEVICES: spec.gpus.map(deviceIndex).join(','),
      }),
    });
    closeSync(log);
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', (error) =>
        reject(
          new SluiceError('engine_failed', `cannot start ${program}: ${error.message}`, { cause: error }),
        ),
      );
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    child.unref();
    this.workers.set(spec.workerId, { pid, child });
    child.once('exit', () => {
      for (const listener of this.listeners) listener(spec.workerId);
    });
    return { host: hostname(), pid };
  }

  adopt(workerId: string, { host, pid }: StartedWorker): void {
    if (this.workers.has(workerId) || host !== hostname()) return;
    // A process id that meanwhile belongs to another program stands for a dead worker, and is never signalled.
    this.workers.set(workerId, { pid: commandLineHas(pid, workerId) ? pid : 0, child: null });
  }

  async stop(workerId: string, { drain, hurry = false }: { drain: boolean; hurry?: boolean }): Promise<void> {
    const pid = this.pidOf(workerId);
    if (pid === null) return;
    // Another signal than the first, with which it would be one while both are pending.
    if (drain) signal(pid, hurry ? 'SIGINT' : 'SIGTERM');
    else signal(-pid, 'SIGKILL');
  }

  async resume(workerId: string): Promise<void> {
    const pid = this.pidOf(workerId);
    if (pid !== null) signal(pid, 'SIGUSR2');
  }

  alive(workerId: string): boolean | null {
    this.trim();
    const worker = this.workers.get(workerId);
    if (!worker) return null;
    if (worker.child) return worker.child.exitCode === null && worker.child.signalCode === null;
    return worker.pid > 0 && processAlive(worker.pid);
  }

  exitOf(workerId: string): WorkerExit | null {
    const child = this.workers.get(workerId)?.child;
    if (!child || this.alive(workerId)) return null;
    return { code: child.exitCode, signal: child.signalCode };
  }

  known(): string[] {
    return [...this.workers.keys()];
  }

  forget(workerId: string): void {
    this.workers.delete(workerId);
  }

  logTail(workerId: string, lines: number): Promise<string[]> {
    return this.logs.tail(workerId, lines);
  }

  onExit(listener: (workerId: string) => void): void {
    this.listeners.push(listener);
  }

  private pidOf(workerId: string): number | null {
    return this.alive(workerId) ? (this.workers.get(workerId)?.pid ?? null) : null;
  }

  private trim(): void {
    if (Date.now() - this.trimmedAtMs < TRIM_EVERY_MS) return;
    this.trimmedAtMs = Date.now();
    this.logs.trim();
  }
}
