import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeDataFolder } from '../../config/data-folder.js';
import { childEnvironment, ROLE_FLAGS } from '../../config/environment.js';

/** A role that stayed up for so long counts as sound again. */
const STABLE_MS = 30_000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;
/** How a role ends whose configuration or arguments are wrong. */
const REFUSED = 2;
/** What a role says of its end is not longer, lines. */
const LINES_KEPT = 20;

export interface RoleSpec {
  /** Shown to people, e.g. `planner high`. */
  name: string;
  /** File below workers/, without extension. */
  program: string;
  args: string[];
}

export interface RoleOptions {
  redisUrl: string;
  dataDir: string;
  onLine: (role: string, line: string) => void;
  onRestart: (role: string, why: string, restarts: number) => void;
  /** It ended as one that cannot start: its configuration or its arguments are wrong. @returns not to try again. */
  onRefused: (role: string, why: string) => boolean;
}

/** One role as a child process, started again whenever it ends, with a growing delay, unless it can never start. */
export class RoleProcess {
  restarts = 0;
  #child: ChildProcess | undefined;
  #stopping = false;
  #hurried = false;
  #delayMs = FIRST_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(
    readonly spec: RoleSpec,
    private readonly options: RoleOptions,
  ) {}

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const { spec, options } = this;
    const program = fileURLToPath(new URL(`../../../workers/${spec.program}.js`, import.meta.url));
    const args = [program, ...spec.args, '--data', options.dataDir, '--owner', String(process.pid)];
    // A process group of its own: a terminal's Ctrl-C reaches the supervisor alone, which ends things in order.
    const child = spawn(process.execPath, [...ROLE_FLAGS, ...args], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: childEnvironment({ REDIS_URL: options.redisUrl }),
    });
    this.#child = child;
    const startedAt = Date.now();
    const logDir = join(options.dataDir, 'logs');
    makeDataFolder(logDir);
    const log = createWriteStream(join(logDir, `${spec.name.replaceAll(' ', '-')}.log`), { flags: 'a' });
    const errors: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.write(`${line}\n`);
        if (stream === child.stderr && errors.push(line) > LINES_KEPT) errors.shift();
        options.onLine(spec.name, line);
      });
    }
    this.#ended = new Promise((resolve) => {
      child.once('error', (error) => options.onLine(spec.name, `cannot start: ${error.message}`));
      child.once('close', (code, signal) => {
        log.end();
        this.#child = undefined;
        resolve();
        if (this.#stopping) return;
        if (code !== REFUSED || !options.onRefused(spec.name, lastWords(errors)))
          this.#again(signal === null ? `exit code ${code}` : signal, Date.now() - startedAt);
      });
    });
  }

  /** SIGTERM, then SIGKILL at the limit. Resolves when the process is gone. */
  async stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    this.#signal('SIGTERM');
    if (this.#hurried) this.#signal('SIGINT');
    const kill = setTimeout(() => this.#signal('SIGKILL'), limitMs);
    await this.#ended;
    clearTimeout(kill);
  }

  /** Told to stop, or as soon as it is: it ends sooner. By another signal than the first, with which it would be one. */
  hurry(): void {
    this.#hurried = true;
    if (this.#stopping) this.#signal('SIGINT');
  }

  #signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  #again(why: string, livedMs: number): void {
    if (livedMs > STABLE_MS) this.#delayMs = FIRST_DELAY_MS;
    this.restarts++;
    this.options.onRestart(this.spec.name, why, this.restarts);
    this.#timer = setTimeout(() => this.start(), this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, LONGEST_DELAY_MS);
  }
}

/** What a role said of its end, without what came before. */
function lastWords(errors: readonly string[]): string {
  return errors.slice(errors.findLastIndex((line) => line.startsWith('sluice '))).join('\n');
}
