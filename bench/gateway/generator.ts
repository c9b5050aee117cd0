import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../../src/contract/errors.js';
import type { Load, LoadMessage, LoadReply, Seen } from './types.js';

/** The load generator, in a process of its own so that its work delays no server and no other one's measurement. */
export class Generator {
  private constructor(private readonly child: ChildProcess) {}

  static async start(): Promise<Generator> {
    const child = fork(fileURLToPath(new URL('./load.js', import.meta.url)));
    const generator = new Generator(child);
    await generator.#reply();
    return generator;
  }

  async load(load: Load): Promise<Seen> {
    const reply = await this.#ask({ type: 'load', load });
    if (reply.type !== 'seen') throw unexpected(reply);
    return reply.seen;
  }

  /** @returns streams that are open. */
  async hold(load: Load): Promise<{ open: number; failure: string | null }> {
    const reply = await this.#ask({ type: 'hold', load });
    if (reply.type !== 'held') throw unexpected(reply);
    return reply;
  }

  async release(): Promise<void> {
    await this.#ask({ type: 'release' });
  }

  close(): void {
    this.child.kill('SIGKILL');
  }

  #ask(message: LoadMessage): Promise<LoadReply> {
    const reply = this.#reply();
    this.child.send(message);
    return reply;
  }

  #reply(): Promise<LoadReply> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) =>
        reject(new SluiceError('internal', `the load generator ended with ${code}`));
      this.child.once('exit', ended);
      this.child.once('message', (reply: LoadReply) => {
        this.child.off('exit', ended);
        resolve(reply);
      });
    });
  }
}

function unexpected({ type }: LoadReply): SluiceError {
  return new SluiceError('internal', `load generator: unexpected reply ${type}`);
}
