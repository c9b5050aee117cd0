import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts the serving process of one side; it ends with this process. Errors: when it ends before it is ready. */
export async function startWorker(kind: string, url: string): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./worker.js', import.meta.url)), [kind, url]);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`${kind} worker ended with ${code}`)));
  });
  return child;
}
