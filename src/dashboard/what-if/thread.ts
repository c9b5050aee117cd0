import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { SluiceError } from '../../contract/errors.js';
import { bothRuns, type Task } from './simulation.js';
import type { Phase, RunResult } from './view.js';

/** What the thread of a run tells. */
export type Told =
  | { type: 'progress'; phase: Phase; share: number }
  | { type: 'done'; result: RunResult }
  | { type: 'failed'; reason: string };

const BACKGROUND = 10;

const port = parentPort;
if (port === null) throw new SluiceError('internal', 'expected to run as a worker thread');
const tell = (told: Told) => port.postMessage(told);
// On Linux a thread has its own priority: the gateway's goes first.
if (process.platform === 'linux') setPriority(0, BACKGROUND);
try {
  const result = bothRuns(workerData as Task, (phase, share) => tell({ type: 'progress', phase, share }));
  tell({ type: 'done', result });
} catch (error) {
  tell({ type: 'failed', reason: SluiceError.from(error).toReason() });
}
