import type { ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { exponential, seededRandom } from '../../src/simulator/workload/random.js';
import { bareSide, type Side } from '../overhead/sides.js';
import { startWorker } from '../overhead/start-worker.js';
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
    const random = seededRandom(seed);
    const took: number[] = [];
    const running: Promise<void>[] = [];
    const from = performance.now();
    const end = from + seconds * 1000;
    let due = from + exponential(random, 1000 / rate);
    while (due < end) {
      for (; due <= performance.now() && due < end; due += exponential(random, 1000 / rate)) {
        const sentMs = performance.now();
        running.push(this.side.ask(PROMPT).then(() => void took.push(performance.now() - sentMs)));
      }
      await sleep(1);
    }
    await Promise.all(running);
    return percentiles(took);
  }

  async close(): Promise<void> {
    await this.side.close();
    this.worker.kill('SIGKILL');
  }
}
