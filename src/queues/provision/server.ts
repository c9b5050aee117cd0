import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve as resolvePath } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeDataFolder } from '../../config/data-folder.js';
import { readEnvironment } from '../../config/environment.js';
import { SluiceError } from '../../contract/errors.js';
import type { Progress, RedisBinary } from './binary.js';
import { findRedis } from './find.js';
import { lockData } from './lock.js';
import { freePort, isFree, probeRedis, usableSocket } from './probe.js';
import { type RedisExit, type ServerProcess, spawnServer } from './process.js';

export interface RedisOptions {
  /** Folder of this server's data, port and log; made if it is missing. */
  dataDir: string;
  /** Absent: the port of the last run on this folder if it is free, else any free one. */
  port?: number | undefined;
  /** Takes a line when something takes long. */
  log?: Progress | undefined;
  /** Absent: found on this machine. */
  binary?: RedisBinary | undefined;
}

export interface RunningRedis {
  url: string;
  /** The same for processes of this machine and user: a Unix socket where there can be one, which costs less than TCP. */
  localUrl: string;
  port: number;
  pid: number;
  /** Path of the server's executable. */
  binary: string;
  /** Writes everything to disk and ends; resolves when the process is gone. */
  stop(): Promise<void>;
  /** Called when the server has ended, whoever ended it; the folder can be started again then. */
  onExit(listener: (exit: RedisExit) => void): void;
}

/** A server that does not even accept connections for so long has failed. Loading data takes as long as it takes. */
const SILENT_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;
const PROGRESS_EVERY_MS = 2_000;
const PORT_ATTEMPTS = 5;

/**
 * Starts a Redis server on loopback, with AOF (fsync each second) and `noeviction`, its data under `dataDir`/redis.
 * It ends with this process, even when this process is killed. Resolves once its data is loaded.
 * @throws SluiceError already_running (the folder has a live server), port_in_use (the given port is taken),
 *   invalid_request (the folder cannot be written), no_redis (none found, or it would not start: the message has the reason).
 */
export async function startRedis(options: RedisOptions): Promise<RunningRedis> {
  const dataDir = resolvePath(options.dataDir);
  const log = options.log ?? (() => {});
  const binary = options.binary ?? (await findRedis(readEnvironment(), log));
  makeDataFolder(dataDir);
  makeDataFolder(join(dataDir, 'redis'));
  const lock = await lockData(dataDir);
  try {
    const socket = await usableSocket(join(dataDir, 'redis.sock'));
    for (let attempt = 1; attempt <= PORT_ATTEMPTS; attempt++) {
      const port = options.port ?? (await choosePort(dataDir, attempt));
      if (options.port !== undefined && !(await isFree(port))) throw portInUse(port);
      const server = await launch(binary, { dataDir, port, socket }, log, (pid) => lock.record(pid, port));
      if (server !== null) return running(server, port, socket, binary, () => lock.release());
    }
    throw portInUse(options.port ?? null);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

function running(
  server: ServerProcess,
  port: number,
  socket: string | null,
  binary: RedisBinary,
  release: () => Promise<void>,
): RunningRedis {
  const url = `redis://127.0.0.1:${port}`;
  const ended = server.ended.then(async (exit) => {
    await release();
    return exit;
  });
  return {
    url,
    localUrl: socket ?? url,
    port,
    pid: server.pid,
    binary: binary.path,
    async stop() {
      await server.stop(STOP_LIMIT_MS);
      await ended;
    },
    onExit: (listener) => void ended.then(listener),
  };
}

/** Null: another process took the port first. */
async function launch(
  binary: RedisBinary,
  { dataDir, port, socket }: { dataDir: string; port: number; socket: string | null },
  log: Progress,
  started: (pid: number) => Promise<void>,
): Promise<ServerProcess | null> {
  const logFile = join(dataDir, 'redis.log');
  const logBefore = (await readFile(logFile, 'utf8').catch(() => '')).length;
  const server = await spawnServer(binary, serverArguments(dataDir, port, socket, logFile));
  try {
    await started(server.pid);
    if (await untilReady(server, port, log)) {
      await writeFile(join(dataDir, 'redis.port'), `${port}\n`);
      return server;
    }
  } catch (error) {
    await server.stop(0);
    throw error;
  }
  const said = (await readFile(logFile, 'utf8').catch(() => '')).slice(logBefore);
  await server.stop(0);
  if (/Address already in use/i.test(said)) return null;
  const tail = said.trim().split('\n').slice(-5).join('\n  ');
  throw new SluiceError(
    'no_redis',
    `${binary.path} did not start on ${dataDir}; it said (${logFile}):\n  ${tail}`,
  );
}

/** False: the server ended, or stayed silent for too long. */
async function untilReady(server: ServerProcess, port: number, log: Progress): Promise<boolean> {
  let lastHeard = Date.now();
  let lastTold = Date.now();
  while (!server.hasEnded() && Date.now() - lastHeard < SILENT_LIMIT_MS) {
    const answer = await probeRedis(port);
    // Another server may answer on this port while ours fails to take it; ours is gone a moment later.
    if (answer.state === 'ready' && answer.pid === server.pid) return true;
    if (answer.state === 'loading') {
      lastHeard = Date.now();
      if (lastHeard - lastTold >= PROGRESS_EVERY_MS) {
        lastTold = lastHeard;
        log(`Redis is loading its data: ${answer.percent.toFixed(0)} %`);
      }
    }
    await sleep(answer.state === 'loading' ? 200 : 20);
  }
  return false;
}

function serverArguments(dataDir: string, port: number, socket: string | null, logFile: string): string[] {
  const settings: Record<string, string> = {
    bind: '127.0.0.1',
    port: String(port),
    dir: join(dataDir, 'redis'),
    logfile: logFile,
    daemonize: 'no',
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
  };
  if (socket !== null) Object.assign(settings, { unixsocket: socket, unixsocketperm: '700' });
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

async function choosePort(dataDir: string, attempt: number): Promise<number> {
  const last = Number(await readFile(join(dataDir, 'redis.port'), 'utf8').catch(() => ''));
  const known = attempt === 1 && Number.isInteger(last) && last > 0 && last < 65_536;
  return known && (await isFree(last)) ? last : freePort();
}

function portInUse(port: number | null): SluiceError {
  return new SluiceError(
    'port_in_use',
    port === null
      ? 'no free port was found for Redis on 127.0.0.1'
      : `port ${port} on 127.0.0.1 is taken by another process; name another port, or none to have a free one chosen`,
  );
}
