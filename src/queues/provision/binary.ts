import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';
import { childEnvironment } from '../../config/environment.js';

const run = promisify(execFile);

/** A Redis server that was seen to run on this machine. */
export interface RedisBinary {
  path: string;
  /** `redis-server --version`, e.g. "7.0.15". */
  version: string;
  /** LD_LIBRARY_PATH that it needs; null: none. */
  libraryPath: string | null;
}

/** A line of progress for a person who waits. */
export type Progress = (line: string) => void;

/** The oldest version that has every command: SET with NX and GET together came last. */
export const OLDEST = [7, 0] as const;

/** Version of a Redis or Valkey server; null when it does not run. */
export async function redisVersion(path: string, libraryPath: string | null): Promise<string | null> {
  try {
    const { stdout } = await run(path, ['--version'], {
      env: libraryPath === null ? childEnvironment({}) : childEnvironment({ LD_LIBRARY_PATH: libraryPath }),
      timeout: 10_000,
    });
    return /\bv=(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? null;
  } catch {
    return null;
  }
}

export function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
