import { parentPort } from 'node:worker_threads';
import { SluiceError } from '../../contract/errors.js';
import { doTask, type Task } from './task.js';

/** A progress message at most so often, ms. */
const TELL_MS = 500;

/** A thread of `compare` and `plan`: takes a task, tells how far it is, gives the result back, waits for the next. */
const port = parentPort;
if (port === null) throw new SluiceError('internal', 'expected to run as a worker thread');
port.on('message', (task: Task) => {
  let toldMs = Date.now();
  try {
    const result = doTask(task, (progress) => {
      if (Date.now() - toldMs < TELL_MS) return;
      toldMs = Date.now();
      port.postMessage({ type: 'progress', progress });
    });
    port.postMessage({ type: 'done', result });
  } catch (error) {
    port.postMessage({ type: 'failed', reason: SluiceError.from(error).toReason() });
  }
});
