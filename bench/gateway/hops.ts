import type { ChildProcess } from 'node:child_process';
import { bareSide, type Side } from '../overhead/sides.js';
import { startWorker } from '../overhead/start-worker.js';
import { openLoop } from './open-loop.js';
import { percentiles } from './percentiles.js';
import type { Percentiles } from './types.js';

const PROMPT = 'Why does a sluice have gates, and what would a river do without?';

/**
 * What a durable queue costs at least on this machine: a job over a bare BullMQ queue to another process and its end back, on
 * the same Redis, with no engine and no HTTP.
 */
export class Hops {
  private constructor(
    private readonly side: Side,
    private readonly worker: ChildProcess,
  ) {}

  static async start(redisUrl: string): Promise<Hops> {
    const worker = await startWorker('bare', redisUrl);
    try {
      return new Hops(await bareSide(redisUrl), worker);
    } catch (error) {
      worker.kill('SIGKILL');
      throw error;
    }
  }

  /** So many jobs a second at exponential distances; ms from each one's sending to the word of its end. */
  async load(rate: number, seconds: number, seed: number): Promise<Percentiles> {
    const took: number[] = [];
    const running: Promise<void>[] = [];
    await openLoop({ rate, seconds, seed }, () => {
      const sentMs = performance.now();
      const one = this.side.ask(PROMPT).then(() => void took.push(performance.now() - sentMs));
      // Thrown below, once no more are sent.
      one.catch(() => {});
      running.push(one);
    });
    await Promise.all(running);
    return percentiles(took);
  }

  async close(): Promise<void> {
    try {
      await this.side.close();
    } finally {
      this.worker.kill('SIGKILL');
    }
  }
}
