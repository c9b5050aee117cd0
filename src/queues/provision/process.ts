import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { childEnvironment } from '../../config/environment.js';
import { SluiceError } from '../../contract/errors.js';
import type { RedisBinary } from './binary.js';
import { endWithOwner } from './watchdog.js';

/** How a server ended; `expected` when it was asked to stop. */
export interface RedisExit {
  expected: boolean;
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A server process that ends with this one. */
export interface ServerProcess {
  pid: number;
  hasEnded(): boolean;
  ended: Promise<RedisExit>;
  /** Asks it to end, kills it after `limitMs`; resolves when it is gone. */
  stop(limitMs: number): Promise<void>;
}

/** @throws SluiceError no_redis when the executable cannot be run. */
export async function spawnServer(binary: RedisBinary, args: string[]): Promise<ServerProcess> {
  const child = spawn(binary.path, args, {
    stdio: 'ignore',
    // Not in the terminal's process group: on Ctrl-C the owner ends it last.
    detached: true,
    env: childEnvironment(binary.libraryPath === null ? {} : { LD_LIBRARY_PATH: binary.libraryPath }),
  });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = await once(child, 'error').catch((thrown: unknown) => [thrown]);
    throw new SluiceError('no_redis', `${binary.path} could not be started: ${String(error)}`);
  }
  // In the same turn as the spawn: an owner killed between the two would leave an orphan.
  const release = endWithOwner(pid);
  let stopping = false;
  let over = false;
  const ended = new Promise<RedisExit>((resolve) => {
    child.once('exit', (code, signal) => {
      over = true;
      release();
      resolve({ expected: stopping, code, signal });
    });
  });
  child.unref();
  return {
    pid,
    ended,
    hasEnded: () => over,
    async stop(limitMs) {
      stopping = true;
      // A child that is waited for must hold the event loop open again.
      child.ref();
      child.kill('SIGTERM');
      const killer = setTimeout(() => child.kill('SIGKILL'), limitMs);
      await ended;
      clearTimeout(killer);
    },
  };
}
