import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { SluiceError } from '../../contract/errors.js';
import { doTask, type Task, type TaskProgress, type Work, type WorkKind } from './task.js';

type Reply<K extends WorkKind> =
  | { type: 'progress'; progress: TaskProgress }
  | { type: 'done'; result: Work[K]['answer'] }
  | { type: 'failed'; reason: string };

/** Does tasks, several at once on threads of their own; with one job, here. */
export class Crew {
  readonly #jobs: number;
  readonly #all: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];

  /** @param jobs default: as many as the machine has cores. */
  constructor(jobs: number = availableParallelism()) {
    this.#jobs = jobs;
  }

  get jobs(): number {
    return this.#jobs;
  }

  /** Rejects with the task's own error. */
  async do<K extends WorkKind>(
    task: Task<K>,
    tell: (progress: TaskProgress) => void,
  ): Promise<Work[K]['answer']> {
    if (this.#jobs === 1) return doTask(task, tell);
    const worker = await this.#take();
    const answer = await new Promise<Work[K]['answer']>((resolve, reject) => {
      worker.removeAllListeners();
      worker.on('message', (reply: Reply<K>) => {
        if (reply.type === 'progress') tell(reply.progress);
        else if (reply.type === 'done') resolve(reply.result);
        else reject(SluiceError.fromReason(reply.reason));
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new SluiceError('internal', `a thread ended with ${code}`)));
      worker.postMessage(task);
    });
    this.#give(worker);
    return answer;
  }

  /** Ends all threads, whatever they do. */
  async close(): Promise<void> {
    await Promise.all(
      this.#all.splice(0).map((worker) => {
        worker.removeAllListeners();
        return worker.terminate();
      }),
    );
  }

  #take(): Promise<Worker> {
    const worker = this.#idle.pop();
    if (worker !== undefined) return Promise.resolve(worker);
    if (this.#all.length >= this.#jobs) return new Promise((resolve) => this.#waiting.push(resolve));
    const fresh = new Worker(new URL('./thread.js', import.meta.url));
    this.#all.push(fresh);
    return Promise.resolve(fresh);
  }

  #give(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
  }
}
