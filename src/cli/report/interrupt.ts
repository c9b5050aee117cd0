/** Exit code of a run that Ctrl-C ended. */
export const INTERRUPTED = 130;

/**
 * Runs a task under a signal that SIGINT and SIGTERM abort. Both are held for as long as the task takes, so that it
 * can cancel and stop what it started; a repeated one changes nothing.
 */
export async function interruptible<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    return await task(abort.signal);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}
