import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { SluiceError } from '../../contract/errors.js';
import type { PolicyRunResult } from '../../simulator/compare/run.js';
import { doTask, type Task, type TaskProgress } from './task.js';

type Reply =
  | { type: 'progress'; progress: TaskProgress }
  | { type: 'done'; result: PolicyRunResult }
  | { type: 'failed'; reason: string };

/** Does tasks, several at once on threads of their own; with one job, here. */
export class Crew {
  readonly #jobs: number;
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  #threads = 0;

  /** @param jobs default: as many as the machine has cores. */
  constructor(jobs: number = availableParallelism()) {
    this.#jobs = jobs;
  }

  /** Rejects with the task's own error. */
  async do(task: Task, tell: (progress: TaskProgress) => void): Promise<PolicyRunResult> {
    if (this.#jobs === 1) return doTask(task, tell);
    const worker = await this.#take();
    try {
      return await new Promise<PolicyRunResult>((resolve, reject) => {
        worker.removeAllListeners();
        worker.on('message', (reply: Reply) => {
          if (reply.type === 'progress') tell(reply.progress);
          else if (reply.type === 'done') resolve(reply.result);
          else reject(SluiceError.fromReason(reply.reason));
        });
        worker.on('error', reject);
        worker.on('exit', (code) => reject(new SluiceError('internal', `a thread ended with ${code}`)));
        worker.postMessage(task);
      });
    } finally {
      this.#give(worker);
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#idle.splice(0).map((worker) => {
        worker.removeAllListeners();
        return worker.terminate();
      }),
    );
  }

  #take(): Promise<Worker> {
    const worker = this.#idle.pop();
    if (worker !== undefined) return Promise.resolve(worker);
    if (this.#threads >= this.#jobs) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#threads++;
    return Promise.resolve(new Worker(new URL('./thread.js', import.meta.url)));
  }

  #give(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
  }
}
