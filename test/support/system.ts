import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/types.js';
import type { PoolStatus, RoleStatus, SystemStatus } from '../../src/contract/status.js';
import { type Heartbeat, heartbeatSchema, type WorkerRole } from '../../src/contract/worker.js';
import { processAlive, signal } from '../../src/gpu/process.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { brokenInvariants, LeaseWatch } from './invariants.js';
import { until } from './pool.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SLUICE = join(ROOT, 'bin', 'sluice.js');
/** Set for `sluice up` and so for all that descends from it: how its processes are told from all others. */
const MARK = 'SLUICE_TEST_SYSTEM';

const gatewayBeat = z.object({ role: z.literal('gateway'), pid: z.number(), url: z.string() });

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A whole Sluice of a test's own: a real `sluice up` in a data folder, and what a test does to it from outside. */
export class TestSystem {
  readonly #clients: SluiceClient[] = [];
  #up: ChildProcess | undefined;
  #said = '';
  #redis: Redis | undefined;
  #watch: LeaseWatch | undefined;

  private constructor(
    readonly dataDir: string,
    readonly configFile: string,
    readonly config: Config,
    readonly keys: Keys,
    /** Of `sluice up`. */
    private readonly flags: readonly string[],
  ) {}

  /** Starts a system on the configuration of test/faults/NAME, its text changed by `change`. */
  static async start(
    name = 'system.yaml',
    change: (yaml: string) => string = (yaml) => yaml,
    redisServer?: string,
    flags: readonly string[] = [],
  ): Promise<TestSystem> {
    const dataDir = await mkdtemp(join(tmpdir(), 'sluice-system-'));
    const configFile = join(dataDir, 'test.yaml');
    const yaml = await readFile(new URL(`../faults/${name}`, import.meta.url), 'utf8');
    await writeFile(configFile, change(yaml));
    const config = loadConfig(configFile);
    const system = new TestSystem(dataDir, configFile, config, new Keys(config.namespace), flags);
    await system.up(redisServer);
    return system;
  }

  /** What `sluice up` printed so far. */
  get said(): string {
    return this.#said;
  }

  get redisUrl(): string {
    const run: { redisUrl: string } = JSON.parse(readFileSync(join(this.dataDir, 'run.json'), 'utf8'));
    return run.redisUrl;
  }

  get redis(): Redis {
    this.#redis ??= connect(this.redisUrl, 'plain');
    return this.#redis;
  }

  get supervisorPid(): number {
    const run: { pid: number } = JSON.parse(readFileSync(join(this.dataDir, 'run.json'), 'utf8'));
    return run.pid;
  }

  /**
   * `sluice up` on the data folder; resolves when it is at work.
   * @param redisServer a shell script to be found as `redis-server` on PATH
   */
  async up(redisServer?: string): Promise<void> {
    const path = [this.dataDir, process.env.PATH].join(delimiter);
    if (redisServer !== undefined)
      await writeFile(join(this.dataDir, 'redis-server'), redisServer, { mode: 0o755 });
    const args = ['up', '-c', this.configFile, '--data', this.dataDir, ...this.flags];
    const child = spawn(process.execPath, [SLUICE, ...args], {
      cwd: ROOT,
      env: environment({ [MARK]: this.dataDir, PATH: path }),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#up = child;
    const from = this.#said.length;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
        if (process.env.SLUICE_TEST_LOG) process.stderr.write(chunk);
      });
    }
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`sluice up ended:\n${this.#said.slice(from)}`);
        return this.#said.includes('sluice is up', from);
      },
      'sluice up is at work',
      90_000,
    );
    this.#redis?.disconnect();
    this.#redis = undefined;
    this.#watch?.stop();
    this.#watch = new LeaseWatch(this.redisUrl, this.config, this.#watch?.wrong);
  }

  /** Whoever read what `sluice up` prints is gone, as after `sluice up | head`. */
  stopReading(): void {
    this.#up?.stdout?.destroy();
    this.#up?.stderr?.destroy();
  }

  /** Exit code of the last `sluice up`, once it ended; a number of seconds to wait at most. */
  async upEnded(seconds: number): Promise<number | null> {
    const child = this.#up;
    await until(
      () => child?.exitCode !== null || child?.signalCode !== null,
      'sluice up ends',
      seconds * 1000,
    );
    return child?.exitCode ?? null;
  }

  /** Runs a command against this system, as a person would in another terminal. */
  cli(...args: string[]): Promise<CliResult> {
    const child = spawn(process.execPath, [SLUICE, ...args, '--data', this.dataDir], {
      cwd: ROOT,
      env: environment({}),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const result: CliResult = { code: null, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      result.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      result.stderr += chunk.toString();
    });
    return new Promise((resolve) => child.once('close', (code) => resolve({ ...result, code })));
  }

  /** What `sluice status --json` prints. */
  async status(): Promise<SystemStatus> {
    const { code, stdout, stderr } = await this.cli('status', '--json');
    if (code !== 0) throw new Error(`status: exit code ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }

  async poolStatus(pool: string): Promise<PoolStatus> {
    const found = (await this.status()).pools.find(({ name }) => name === pool);
    if (found === undefined) throw new Error(`status shows no pool ${pool}`);
    return found;
  }

  /** A role that `status` shows alive, e.g. `planner high`. */
  async role(name: string): Promise<RoleStatus & { pid: number }> {
    const role = (await this.status()).roles.find((each) => each.role === name && each.state === 'alive');
    if (role?.pid == null) throw new Error(`status shows no living ${name}`);
    return { ...role, pid: role.pid };
  }

  /** Gateways whose process lives, and where each listens. */
  async gateways(): Promise<{ pid: number; url: string }[]> {
    const beats = await this.redis.hvals(this.keys.roles());
    return beats
      .flatMap((text) => gatewayBeat.safeParse(JSON.parse(text)).data ?? [])
      .filter(({ pid }) => processAlive(pid));
  }

  /** Kills a role and waits until `status` shows its successor. */
  async killRole(name: string): Promise<void> {
    const before = await this.role(name);
    process.kill(before.pid, 'SIGKILL');
    await until(
      async () => {
        const after = await this.role(name).catch(() => null);
        if (after === null || after.pid === before.pid) return false;
        return (after.restarts ?? 0) > (before.restarts ?? 0);
      },
      `a new ${name}`,
      60_000,
    );
  }

  /** Waits until a person sees the pool serve again: its planner at work, a worker ready. */
  async recovered(pool: string): Promise<void> {
    await until(
      async () => {
        const { planner, workers } = await this.poolStatus(pool);
        return planner.state !== 'degraded' && workers.ready.decode > 0;
      },
      `${pool} serves again`,
      60_000,
    );
  }

  /** A client in the test's own process; closed with the system. */
  async client(): Promise<SluiceClient> {
    const client = await SluiceClient.open(this.config, this.redisUrl);
    this.#clients.push(client);
    return client;
  }

  /** Heartbeats of the workers whose process lives. */
  async workers(pool: string, role: WorkerRole = 'vllm'): Promise<Heartbeat[]> {
    const stored = await this.redis.hvals(this.keys.heartbeats(pool));
    return stored
      .map((text) => heartbeatSchema.parse(JSON.parse(text)))
      .filter((beat) => beat.role === role && processAlive(beat.pid));
  }

  /** Waits for exactly so many ready workers. */
  async ready(pool: string, count: number, role: WorkerRole = 'vllm'): Promise<Heartbeat[]> {
    let found: Heartbeat[] = [];
    await until(
      async () => {
        found = (await this.workers(pool, role)).filter((beat) => beat.state === 'ready');
        return found.length === count;
      },
      `${count} ready ${role} workers of ${pool}`,
      60_000,
    );
    return found;
  }

  async redisPid(): Promise<number> {
    const lock: { redisPid: number } = JSON.parse(await readFile(join(this.dataDir, 'redis.lock'), 'utf8'));
    return lock.redisPid;
  }

  /** Ids of all processes of this system: by their environment, command line or working folder. */
  processes(): number[] {
    return readdirSync('/proc')
      .map(Number)
      .filter((pid) => Number.isInteger(pid) && pid !== process.pid && this.#owns(pid) && processAlive(pid));
  }

  /** Command lines of all processes of this system, for messages. */
  processList(): string[] {
    return this.processes().map((pid) => {
      try {
        return `${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200)}`;
      } catch {
        return `${pid} (gone)`;
      }
    });
  }

  /** The invariants of the design hold, now that these requests have ended, and held for the leases all along. */
  async expectSound(requests: readonly { id: string; pool: string }[]): Promise<void> {
    const broken = () => brokenInvariants(this.redis, this.config, requests);
    // A worker that was overtaken, or a job whose end was lost with its Redis, takes a moment to come to rest.
    await until(async () => (await broken()).length === 0, 'rest', 30_000).catch(() => {});
    expect(await broken()).toEqual([]);
    expect(this.#watch?.wrong).toEqual([]);
  }

  /** Closes the clients, ends every process that is left and removes the data. */
  async close(): Promise<void> {
    for (const client of this.#clients) await Promise.race([client.close(), sleep(2_000)]).catch(() => {});
    this.#watch?.stop();
    this.#redis?.disconnect();
    // Stopped ones first, so that none is started again by its supervisor.
    await until(
      () => {
        const left = this.processes();
        for (const pid of left) signal(pid, 'SIGKILL');
        return left.length === 0;
      },
      'all processes end',
      30_000,
    );
    if (process.env.SLUICE_TEST_KEEP === undefined) await rm(this.dataDir, { recursive: true, force: true });
  }

  #owns(pid: number): boolean {
    const text = (file: string) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'utf8');
      } catch {
        return '';
      }
    };
    if (text('environ').includes(`${MARK}=${this.dataDir}`)) return true;
    if (text('cmdline').includes(`${this.dataDir}/`) || text('cmdline').includes(`${this.dataDir}\0`))
      return true;
    try {
      return readlinkSync(`/proc/${pid}/cwd`).startsWith(this.dataDir);
    } catch {
      return false;
    }
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** This process's environment, without a Redis or a data folder that it may name. */
function environment(extra: Record<string, string>): NodeJS.ProcessEnv {
  const { REDIS_URL: _url, SLUICE_DATA: _data, ...rest } = process.env;
  return { ...rest, NO_COLOR: '1', ...extra };
}
