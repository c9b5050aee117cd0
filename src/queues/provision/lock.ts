import { execFile } from 'node:child_process';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';

const run = promisify(execFile);

/** Who runs a Redis on a data folder: the content of its lock file. */
const holderSchema = z.object({
  ownerPid: z.number().int(),
  takenAtMs: z.number(),
  /** Absent until the server was started. */
  redisPid: z.number().int().optional(),
  port: z.number().int().optional(),
});
type Holder = z.output<typeof holderSchema>;

/** An owner that started nothing for so long is taken for a reused process id. */
const START_LIMIT_MS = 60_000;
/** A server whose owner died is ended by its watchdog within this time. */
const ORPHAN_LIMIT_MS = 20_000;

export interface DataLock {
  record(redisPid: number, port: number): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes a data folder for one server. A lock left by a dead owner is taken over; when that owner's server is still
 * on its way out, this waits for it.
 * @throws SluiceError already_running, naming the process that has it.
 */
export async function lockData(dataDir: string): Promise<DataLock> {
  const path = join(dataDir, 'redis.lock');
  const waitUntil = Date.now() + ORPHAN_LIMIT_MS;
  for (;;) {
    const mine: Holder = { ownerPid: process.pid, takenAtMs: Date.now() };
    if (await create(path, mine)) return held(path, mine);
    const text = await readFile(path, 'utf8').catch(() => null);
    if (text === null) continue;
    const holder = parse(text);
    const serverLives = holder?.redisPid !== undefined && (await isRedis(holder.redisPid, holder.port));
    if (holder !== null && isBusy(holder, serverLives)) throw busy(dataDir, holder);
    if (holder !== null && serverLives) {
      if (Date.now() > waitUntil) throw busy(dataDir, holder);
      await sleep(100);
    } else if (!(await removeStale(path, text))) throw busy(dataDir, null);
  }
}

function isBusy(holder: Holder, serverLives: boolean): boolean {
  if (!isAlive(holder.ownerPid)) return false;
  if (serverLives) return true;
  return holder.redisPid === undefined && Date.now() - holder.takenAtMs < START_LIMIT_MS;
}

function busy(dataDir: string, holder: Holder | null): SluiceError {
  const who = holder === null ? 'another process' : `process ${holder.ownerPid}`;
  const where = holder?.port === undefined ? '' : ` (Redis on port ${holder.port})`;
  return new SluiceError(
    'already_running',
    `${who} already runs on the data folder ${dataDir}${where}; stop it first, or give another folder with --data`,
  );
}

function held(path: string, mine: Holder): DataLock {
  return {
    async record(redisPid, port) {
      const next = `${path}.${process.pid}`;
      await writeFile(next, JSON.stringify({ ...mine, redisPid, port }));
      await rename(next, path);
    },
    release: () => rm(path, { force: true }),
  };
}

async function create(path: string, holder: Holder): Promise<boolean> {
  // Written aside and linked into place, so that nobody reads a half-written lock.
  const next = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(next, JSON.stringify(holder));
  try {
    await link(next, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(next, { force: true });
  }
}

/** Removes the lock that was judged; false when another process replaced it meanwhile. */
async function removeStale(path: string, judged: string): Promise<boolean> {
  const aside = `${path}.stale.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    await rename(path, aside);
  } catch {
    return true;
  }
  const same = (await readFile(aside, 'utf8')) === judged;
  if (!same) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
  return same;
}

function parse(text: string): Holder | null {
  try {
    return holderSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** True when `pid` is a Redis or Valkey server on `port`: a process id alone may have been reused. */
async function isRedis(pid: number, port: number | undefined): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() =>
    run('ps', ['-o', 'args=', '-p', String(pid)]).then(
      (out) => out.stdout,
      () => '',
    ),
  );
  return /redis|valkey/.test(line) && (port === undefined || line.includes(String(port)));
}
