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
    await generator.#reply('ready');
    return generator;
  }

  async load(load: Load): Promise<Seen> {
    return (await this.#ask({ type: 'load', load }, 'seen')).seen;
  }

  /** @returns requests of the running load that have completed by now. */
  async completed(): Promise<number> {
    return (await this.#ask({ type: 'count' }, 'counted')).completed;
  }

  /** The running open load ends with the requests that are under way. */
  async stop(): Promise<void> {
    await this.#ask({ type: 'stop' }, 'stopped');
  }

  /** @returns streams that are open. */
  hold(load: Load): Promise<Reply<'held'>> {
    return this.#ask({ type: 'hold', load }, 'held');
  }

  async release(): Promise<void> {
    await this.#ask({ type: 'release' }, 'released');
  }

  close(): void {
    this.child.kill('SIGKILL');
  }

  #ask<T extends LoadReply['type']>(message: LoadMessage, type: T): Promise<Reply<T>> {
    const reply = this.#reply(type);
    this.child.send(message);
    return reply;
  }

  /** The next reply of a type: a count may be asked for while a load runs. */
  #reply<T extends LoadReply['type']>(type: T): Promise<Reply<T>> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) =>
        reject(new SluiceError('internal', `the load generator ended with ${code}`));
      const heard = (reply: LoadReply) => {
        if (!isOf(reply, type)) return;
        this.child.off('exit', ended);
        this.child.off('message', heard);
        resolve(reply);
      };
      this.child.once('exit', ended);
      this.child.on('message', heard);
    });
  }
}

type Reply<T extends LoadReply['type']> = Extract<LoadReply, { type: T }>;

function isOf<T extends LoadReply['type']>(reply: LoadReply, type: T): reply is Reply<T> {
  return reply.type === type;
}
