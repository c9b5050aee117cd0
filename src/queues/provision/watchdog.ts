import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads its standard input, a pipe to the owner. A line: the process has ended, nothing to do. End of file: the owner
 * died, whatever killed it, so the process (or its whole group, $1 then being negative) is asked to end and killed if it
 * has not after $2 tenths of a second.
 */
const SCRIPT = `
trap '' INT TERM HUP
if read -r line; then exit 0; fi
n=0
if [ "$2" -gt 0 ]; then
  kill -s TERM -- "$1" 2>/dev/null
  kill -s CONT -- "$1" 2>/dev/null
  while kill -s 0 -- "$1" 2>/dev/null && [ $n -lt "$2" ]; do sleep 0.1; n=$((n + 1)); done
fi
kill -s KILL -- "$1" 2>/dev/null
`;

/** Tenths of a second that a process gets to end by itself. */
const GRACE = 100;

/**
 * Ends `pid` when this process ends, kill -9 included; with `group` the process group that it leads, at once. Call the
 * result once the process has ended.
 */
export function endWithOwner(pid: number, { group = false } = {}): () => void {
  let done = false;
  let child: ChildProcess;
  const start = () => {
    // In a session of its own, so that Ctrl-C in the owner's terminal does not reach it.
    child = spawn(
      '/bin/sh',
      ['-c', SCRIPT, 'sluice-watchdog', String(group ? -pid : pid), String(group ? 0 : GRACE)],
      {
        stdio: ['pipe', 'ignore', 'ignore'],
        detached: true,
      },
    );
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
