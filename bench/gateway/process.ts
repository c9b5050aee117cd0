import { readFileSync } from 'node:fs';
import { SluiceError } from '../../src/contract/errors.js';

/** Linux counts CPU time in hundredths of a second. */
const TICKS = 100;

/** CPU seconds that a process has used, user and system; null where there is no /proc. */
export function cpuSeconds(pid: number): number | null {
  const stat = procFile(pid, 'stat');
  if (stat === null) return null;
  // Fields 14 and 15; the name, which may hold anything, ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Resident memory of a process, bytes; null where there is no /proc. */
export function residentBytes(pid: number): number | null {
  const found = /VmRSS:\s+(\d+) kB/.exec(procFile(pid, 'status') ?? '')?.[1];
  return found === undefined ? null : Number(found) * 1024;
}

function procFile(pid: number, name: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return null;
  }
}

/** Waits until an HTTP server answers at all. Errors: `engine_failed` when it does not in half a minute. */
export async function answering(url: string, what: string): Promise<void> {
  for (const giveUpAt = Date.now() + 30_000; Date.now() < giveUpAt; ) {
    const there = await fetch(url).then(
      () => true,
      () => false,
    );
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new SluiceError('engine_failed', `${what}: expected an answer from ${url} in 30 s, got none`);
}
