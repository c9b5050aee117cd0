import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { z } from 'zod';
import { printSizes, SIZES, type SimulatorRow, sideSchema } from './simulator/sizes.js';

export interface SimulatorBenchOptions {
  /** Only the sizes of up to so many requests. */
  requests: number;
  rounds: number;
  note: (line: string) => void;
}

/** Issue 3: one core of a small machine, the diurnal week at full scale. */
const REACH = { requestsPerSecond: 400_000, peakMegabytes: 1500 };

/**
 * Requests per second and peak memory of the simulator at several sizes, each in a process of its own and next to a bare
 * event loop that draws the same requests and passes each through a heap, in the same round.
 */
export async function simulator(
  options: SimulatorBenchOptions,
): Promise<{ rows: SimulatorRow[]; text: string }> {
  const rows: SimulatorRow[] = [];
  for (const size of SIZES.filter(({ requests }) => requests <= options.requests)) {
    const bare: number[] = [];
    const own: number[] = [];
    let peakMegabytes = 0;
    let events = 0;
    let requests = 0;
    for (let round = 0; round < options.rounds; round++) {
      options.note(`simulator: ${size.name}, round ${round + 1} of ${options.rounds}`);
      const reference = await side('bare', size.name);
      const simulated = await side('simulator', size.name);
      bare.push(reference.requests / reference.seconds);
      own.push(simulated.requests / simulated.seconds);
      peakMegabytes = Math.max(peakMegabytes, simulated.peakMegabytes);
      events = simulated.events / simulated.requests;
      requests = simulated.requests;
    }
    const best = Math.max(...own);
    const big = size.judged;
    rows.push({
      size: size.name,
      requests,
      bareRequestsPerSecond: median(bare),
      requestsPerSecond: median(own),
      ratio: median(own) / median(bare),
      bestRequestsPerSecond: best,
      eventsPerRequest: events,
      peakMegabytes,
      reached: !big || (median(own) >= REACH.requestsPerSecond && peakMegabytes <= REACH.peakMegabytes),
      judged: big,
    });
  }
  return { rows, text: printSizes(rows, REACH) };
}

function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

function side(kind: 'bare' | 'simulator', size: string): Promise<z.output<typeof sideSchema>> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL('./simulator/side.js', import.meta.url)), [kind, size]);
    child.on('message', (message) => resolve(sideSchema.parse(message)));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the ${kind} side of ${size} ended with ${code}`)));
  });
}
