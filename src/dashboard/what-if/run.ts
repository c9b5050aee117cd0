import { randomUUID } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { SluiceError } from '../../contract/errors.js';
import type { Task } from './simulation.js';
import type { Told } from './thread.js';
import type { RunView } from './view.js';

/** What a run may take of the gateway's machine. */
export interface RunLimits {
  /** JavaScript heap of the thread, MB. */
  heapMb: number;
  /** Seconds of the wall clock. */
  seconds: number;
  requests: number;
}

/** One what-if on a thread of its own. */
export class Run {
  readonly #worker: Worker;
  readonly #limit: NodeJS.Timeout;
  #view: RunView;

  /** @param thread the compiled script of the thread; @param about what is shown of it from the beginning. */
  constructor(
    thread: string,
    task: Task,
    about: Pick<RunView, 'source' | 'changes' | 'startedAtMs'>,
    private readonly limits: RunLimits,
  ) {
    this.#view = {
      id: randomUUID(),
      state: 'running',
      ...about,
      progress: 0,
      phase: 'as configured',
      message: null,
      result: null,
    };
    // No variable of the gateway's environment is the thread's business.
    this.#worker = new Worker(thread, {
      workerData: task,
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: limits.heapMb },
    });
    this.#worker.on('message', (told: Told) => this.#hear(told));
    this.#worker.on('error', (error) => this.#fail(this.#inWords(error)));
    this.#worker.on('exit', () => this.#fail('the thread of the simulation ended'));
    this.#limit = setTimeout(() => {
      this.#fail(`it took more than ${limits.seconds} s; take fewer minutes of traffic`);
      void this.#worker.terminate();
    }, limits.seconds * 1000);
    this.#limit.unref();
  }

  get view(): RunView {
    return this.#view;
  }

  /** Ends the thread, whatever it does; a run that is over stays what it was. Resolves when the thread is gone. */
  async cancel(): Promise<void> {
    this.#become({ state: 'cancelled' });
    await this.#worker.terminate();
  }

  #hear(told: Told): void {
    switch (told.type) {
      case 'progress': {
        const half = told.phase === 'as configured' ? 0 : 0.5;
        this.#become({ phase: told.phase, progress: half + told.share / 2 });
        return;
      }
      case 'done':
        this.#become({ state: 'done', progress: 1, result: told.result });
        return;
      case 'failed':
        this.#fail(SluiceError.fromReason(told.reason).message);
    }
  }

  #fail(message: string): void {
    this.#become({ state: 'failed', message });
  }

  #become(change: Partial<RunView>): void {
    if (this.#view.state !== 'running') return;
    this.#view = { ...this.#view, ...change };
    if (this.#view.state !== 'running') clearTimeout(this.#limit);
  }

  #inWords(error: Error): string {
    const code = 'code' in error ? error.code : undefined;
    return code === 'ERR_WORKER_OUT_OF_MEMORY'
      ? `it needs more than ${this.limits.heapMb} MB; take fewer minutes of traffic`
      : error.message;
  }
}
