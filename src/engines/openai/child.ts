import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { type CommandValues, commandWords } from '../../config/command.js';
import { childEnvironment } from '../../config/environment.js';
import { SluiceError } from '../../contract/errors.js';
import { signal } from '../../gpu/process.js';
import { endWithOwner } from '../../queues/provision/watchdog.js';

/** What is kept of an engine's output. */
const LINES = 20;
const LINE_CHARACTERS = 300;
/** From SIGTERM to SIGKILL. */
const GRACE_MS = 5_000;

/** A running engine process, leader of a process group of its own. */
export interface EngineProcess {
  pid: number;
  /** Resolves with how it ended. */
  ended: Promise<string>;
  /** Last lines that it printed, oldest first. */
  lastLines(): string[];
  /** Ends it and everything that it started: SIGTERM, then SIGKILL; with `now` SIGKILL at once. */
  stop(options: { now: boolean }): Promise<void>;
}

/**
 * Starts an engine. It ends with this process, however that ends. CUDA_VISIBLE_DEVICES it has from this process, whose
 * lease it is; the address of Redis it does not get. `print` takes its output.
 * Errors: `engine_failed` when the program cannot be started.
 */
export async function startEngineProcess(
  command: string,
  values: CommandValues,
  print: (bytes: Buffer) => void,
): Promise<EngineProcess> {
  const [program = '', ...args] = commandWords(command, values);
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnvironment({ REDIS_URL: undefined }),
  });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = await once(child, 'error').catch((thrown: unknown) => [thrown]);
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('engine_failed', `engine.command: cannot start ${program}: ${reason}`);
  }
  // In the same turn as the spawn: a worker killed between the two would leave an orphan.
  const release = endWithOwner(pid, { group: true });
  child.on('error', () => {}); // told by its exit
  const tail = new LineTail();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      print(bytes);
      tail.push(bytes.toString('utf8'));
    });
  }
  let over = false;
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, name) => {
      over = true;
      // What it started must not outlive it on the same GPUs.
      signal(-pid, 'SIGKILL');
      release();
      resolve(name === null ? `exit code ${code}` : `killed by ${name}`);
    });
  });
  const stop = async ({ now }: { now: boolean }) => {
    if (over) return;
    if (!now) signal(pid, 'SIGTERM');
    const killer = setTimeout(() => signal(-pid, 'SIGKILL'), now ? 0 : GRACE_MS);
    await ended;
    clearTimeout(killer);
  };
  return { pid, ended, lastLines: () => tail.lines(), stop };
}

/** Ports that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) ports.push(address.port);
  }
  for (const server of servers) server.close();
  return ports;
}

class LineTail {
  #lines: string[] = [];
  #rest = '';

  push(text: string): void {
    const parts = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = (parts.pop() ?? '').slice(-LINE_CHARACTERS);
    const lines = parts.filter((line) => line.trim() !== '').map((line) => line.slice(0, LINE_CHARACTERS));
    this.#lines = [...this.#lines, ...lines].slice(-LINES);
  }

  lines(): string[] {
    return this.#rest.trim() === '' ? this.#lines : [...this.#lines, this.#rest].slice(-LINES);
  }
}
