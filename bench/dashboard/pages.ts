import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SluiceError } from '../../src/contract/errors.js';
import type { PagesMessage, PagesRead, PagesReply } from './types.js';

/** Any number of open pages, in a process of their own so that their reading is not measured as the gateway's. */
export class Pages {
  private constructor(private readonly child: ChildProcess) {}

  static async start(): Promise<Pages> {
    const pages = new Pages(fork(fileURLToPath(new URL('./read-pages.js', import.meta.url))));
    await pages.#reply();
    return pages;
  }

  /** Each has its first view when this resolves. */
  async open(url: string, pages: number): Promise<void> {
    await this.#ask({ type: 'open', url, pages });
  }

  async closeAll(): Promise<PagesRead> {
    const reply = await this.#ask({ type: 'close' });
    if (reply.type !== 'closed') throw new SluiceError('internal', `pages: unexpected reply ${reply.type}`);
    return reply.read;
  }

  end(): void {
    this.child.kill('SIGKILL');
  }

  #ask(message: PagesMessage): Promise<PagesReply> {
    const reply = this.#reply();
    this.child.send(message);
    return reply;
  }

  #reply(): Promise<PagesReply> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) =>
        reject(new SluiceError('internal', `the process with the pages ended with ${code}`));
      this.child.once('exit', ended);
      this.child.once('message', (reply: PagesReply) => {
        this.child.off('exit', ended);
        resolve(reply);
      });
    });
  }
}

/** Several times of reading as one. */
export function together(reads: readonly PagesRead[]): PagesRead {
  const sum = (of: (read: PagesRead) => number) => reads.reduce((total, read) => total + of(read), 0);
  return {
    pages: reads[0]?.pages ?? 0,
    seconds: sum(({ seconds }) => seconds),
    bytes: sum(({ bytes }) => bytes),
    events: sum(({ events }) => events),
    mostBytesPerSecond: Math.max(...reads.map((read) => read.mostBytesPerSecond)),
    firstBytes: reads[0]?.firstBytes ?? 0,
  };
}
