import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads its standard input, a pipe to the owner. A line: the server has ended, nothing to do. End of file: the owner
 * died, whatever killed it, so the server is asked to end and, if it will not, killed.
 */
const SCRIPT = `
trap '' INT TERM HUP
if read -r line; then exit 0; fi
kill -TERM "$1" 2>/dev/null
kill -CONT "$1" 2>/dev/null
n=0
while kill -0 "$1" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done
kill -KILL "$1" 2>/dev/null
`;

/** Ends `pid` when this process ends, kill -9 included. Call the result once the process has ended. */
export function endWithOwner(pid: number): () => void {
  let done = false;
  let child: ChildProcess;
  const start = () => {
    // In a session of its own, so that Ctrl-C in the owner's terminal does not reach it.
    child = spawn('/bin/sh', ['-c', SCRIPT, 'sluice-redis-watchdog', String(pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    child.stdin?.on('error', () => undefined);
    child.on('error', () => undefined);
    child.on('exit', () => {
      if (!done) setTimeout(() => !done && start(), 200).unref();
    });
    child.unref();
    if (child.stdin !== null && 'unref' in child.stdin && typeof child.stdin.unref === 'function') {
      child.stdin.unref();
    }
  };
  start();
  return () => {
    done = true;
    child.stdin?.end('ended\n');
  };
}
