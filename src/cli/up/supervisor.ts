import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { makeDataFolder } from '../../config/data-folder.js';
import { readEnvironment } from '../../config/environment.js';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { parseStored } from '../../gpu/stored.js';
import { connect } from '../../queues/connection.js';
import { Keys } from '../../queues/keys.js';
import { resolveRedis } from '../../queues/provision/resolve.js';
import { type RunningRedis, startRedis } from '../../queues/provision/server.js';
import { roleBeatSchema, roleUrls } from '../../telemetry/roles.js';
import { type AllocatorBeat, allocatorsAtWork } from './allocators.js';
import { untilPortFree } from './free-port.js';
import { RoleProcess, type RoleSpec } from './role-process.js';
import { alreadyRunning, readRunFile, removeRunFile, writeRunFile } from './run-file.js';

const BEAT_MS = 1_000;
const READY_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;

export interface SupervisorOptions {
  config: Config;
  /** The file that the roles load; null: the presets. */
  configFile: string | null;
  dataDir: string;
  /** Port of the HTTP gateway; null: as configured. */
  gatewayPort?: number | null;
  /** A relay of Stately's inspector to which the planners are shown; absent: none. */
  inspectUrl?: string | undefined;
  /** One line for people: what happens to the system. */
  say: (line: string) => void;
  /** A line that a role printed. */
  onLine: (role: string, line: string) => void;
}

/** Everything of one machine: Redis, allocator, planners, ingress, gateway; each started again when it ends. */
export class Supervisor {
  readonly redisUrl: string;
  readonly #roles: RoleProcess[];
  readonly #redis: Redis;
  readonly #keys: Keys;
  #server: RunningRedis | null;
  #ending: Promise<AllocatorBeat[]> | undefined;
  #beat: NodeJS.Timeout | undefined;
  /** All roles have been at work. */
  #ready = false;
  /** Why a role cannot start. */
  #refused: SluiceError | undefined;

  private constructor(
    private readonly options: SupervisorOptions,
    redisUrl: string,
    server: RunningRedis | null,
  ) {
    this.redisUrl = redisUrl;
    this.#server = server;
    this.#keys = new Keys(options.config.namespace);
    this.#redis = connect(redisUrl, 'plain');
    this.#roles = rolesOf(options).map(
      (spec) =>
        new RoleProcess(spec, {
          redisUrl: server?.localUrl ?? redisUrl,
          dataDir: options.dataDir,
          onLine: options.onLine,
          onRestart: (role, why) => options.say(`${role} ended (${why}); starting it again`),
          onRefused: (role, why) => this.#refuse(role, why),
        }),
    );
  }

  /** Redis alone is there; `start` starts the rest. Errors: `invalid_request` (data folder), `no_redis`, `already_running`, `port_in_use`. */
  static async open(given: SupervisorOptions): Promise<Supervisor> {
    const options = { ...given, dataDir: resolve(given.dataDir) };
    makeDataFolder(options.dataDir);
    const running = readRunFile(options.dataDir);
    if (running !== undefined) throw alreadyRunning(options.dataDir, running.pid);
    const { host, port: configured } = options.config.gateway;
    const port = options.gatewayPort ?? configured;
    if (port !== 'auto' && port !== 0) await untilPortFree(host, port);
    const { url, server } = await resolveRedis({
      dataDir: options.dataDir,
      environment: readEnvironment(),
      log: options.say,
    });
    return new Supervisor(options, url, server);
  }

  /**
   * Starts every role and resolves when all are at work.
   * Errors: `not_running` when a role does not come up in a minute, or it is stopped meanwhile; `invalid_config` when one
   * says that it cannot start; all has ended then.
   */
  async start(): Promise<void> {
    const { dataDir, configFile } = this.options;
    try {
      writeRunFile(dataDir, {
        redisUrl: this.redisUrl,
        configFile: configFile === null ? null : resolve(configFile),
        startedAtMs: Date.now(),
      });
      this.#watchRedis();
      await this.#tellOfOthers();
      // What starts once all has ended would never be ended.
      this.#assertWanted();
      this.#beat = setInterval(() => void this.#writeBeat().catch(() => {}), BEAT_MS);
      for (const role of this.#roles) role.start();
      await this.#untilReady();
      this.#ready = true;
      await this.#keepGatewayPort();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Ends everything: no process and no lease is left but those of other systems on this namespace, whose allocators it
   * resolves to. Requests still queued stay in Redis for the next start.
   */
  stop(): Promise<AllocatorBeat[]> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** While it stops: running requests go back to the queue at once. The other roles have nothing to finish. */
  hurry(): void {
    for (const role of this.#roles) if (isGateway(role) || isAllocator(role)) role.hurry();
  }

  async #end(): Promise<AllocatorBeat[]> {
    clearInterval(this.#beat);
    const allocator = this.#roles.filter(isAllocator);
    const others = this.#roles.filter((role) => !isAllocator(role));
    const drainMs = this.options.config.worker.drainSeconds * 1000;
    // The gateway finishes its open streams while workers and planners are still there.
    const [gateway, rest] = [others.filter(isGateway), others.filter((role) => !isGateway(role))];
    await Promise.all(gateway.map((role) => role.stop(drainMs + STOP_LIMIT_MS)));
    await Promise.all(rest.map((role) => role.stop(STOP_LIMIT_MS)));
    await Promise.all(allocator.map((role) => role.stop(drainMs + STOP_LIMIT_MS)));
    const stillAtWork = await Promise.race([this.#goodbye(), sleep(1_000, [])]).catch(() => []);
    this.#redis.disconnect();
    removeRunFile(this.options.dataDir);
    await this.#server?.stop();
    return stillAtWork;
  }

  /** Leaves the list of roles. @returns the other systems' allocators. */
  async #goodbye(): Promise<AllocatorBeat[]> {
    await this.#redis.hdel(this.#keys.roles(), this.#roleId());
    return allocatorsAtWork(this.#redis, this.#keys);
  }

  async #tellOfOthers(): Promise<void> {
    for (const { host, pid } of await allocatorsAtWork(this.#redis, this.#keys))
      this.options.say(
        `another system is at work on namespace ${this.options.config.namespace} of this Redis (allocator: process ${pid} on ${host}); they share queues and GPUs`,
      );
  }

  /** Where the HTTP gateway listens; undefined: it has not said. */
  async gatewayUrl(): Promise<string | undefined> {
    const pid = this.#roles.find((role) => role.spec.program === 'gateway')?.pid;
    const beats = await this.#redis.hvals(this.#keys.roles());
    return roleUrls(beats).find((beat) => beat.pid === pid)?.url;
  }

  /** A gateway on a free port comes back on the same one: its clients know it by its address. */
  async #keepGatewayPort(): Promise<void> {
    const url = await this.gatewayUrl();
    const { port } = new URL(url ?? 'http://localhost');
    for (const { spec } of this.#roles.filter(isGateway))
      if (port !== '') spec.args = [...spec.args, '--port', port];
  }

  /** A Redis that was started here is started again, on the same port and data, when it ends. */
  #watchRedis(): void {
    this.#server?.onExit(() => {
      if (this.#ending !== undefined) return;
      this.options.say('Redis ended; starting it again on its data');
      void this.#restartRedis();
    });
  }

  async #restartRedis(): Promise<void> {
    const port = Number(new URL(this.redisUrl).port);
    while (this.#ending === undefined) {
      try {
        this.#server = await startRedis({ dataDir: this.options.dataDir, port, log: this.options.say });
        this.options.say(`Redis is back (process ${this.#server.pid})`);
        this.#watchRedis();
        return;
      } catch (error) {
        this.options.say(`Redis does not start: ${SluiceError.from(error).message}`);
        await new Promise((done) => setTimeout(done, 2_000));
      }
    }
  }

  /** A system at work goes on without the role, and tries it again: its file may be put right. */
  #refuse(role: string, why: string): boolean {
    if (this.#ready) return false;
    this.#refused ??= new SluiceError('invalid_config', why === '' ? `${role} cannot start` : why);
    return true;
  }

  /** Errors: `not_running` once it is stopped, `invalid_config` once a role cannot start. */
  #assertWanted(): void {
    if (this.#refused !== undefined) throw this.#refused;
    if (this.#ending !== undefined) throw new SluiceError('not_running', 'stopped before it was at work');
  }

  /** Waits until each role has written its beat, or the planner of another system has, for which ours stands by. */
  async #untilReady(): Promise<void> {
    const startedAt = Date.now();
    let missing: string[] = [];
    while (Date.now() - startedAt < READY_LIMIT_MS) {
      this.#assertWanted();
      // Its own beat names every process that it has started, at work or not.
      const { [this.#roleId()]: _own, ...others } = await this.#redis.hgetall(this.#keys.roles());
      const beats = Object.values(others).flatMap((text) => parseStored(roleBeatSchema, text) ?? []);
      const standsBy = ({ program, name }: RoleSpec) =>
        program === 'planner' &&
        beats.some(({ role, pool, atMs }) => `${role} ${pool}` === name && atMs > startedAt);
      missing = this.#roles
        .filter(({ pid, spec }) => !beats.some((beat) => beat.pid === pid) && !standsBy(spec))
        .map((role) => role.spec.name);
      if (missing.length === 0) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    const where = `see ${this.options.dataDir}/logs`;
    throw new SluiceError(
      'not_running',
      `not at work after ${READY_LIMIT_MS / 1000} s: ${missing.join(', ')}; ${where}`,
    );
  }

  #roleId(): string {
    return `supervisor-${hostname()}-${process.pid}`;
  }

  async #writeBeat(): Promise<void> {
    const roles = this.#roles.map((role) => ({
      name: role.spec.name,
      pid: role.pid ?? null,
      restarts: role.restarts,
    }));
    const beat = { role: 'supervisor', pid: process.pid, atMs: Date.now(), roles };
    await this.#redis.hset(this.#keys.roles(), this.#roleId(), JSON.stringify(beat));
  }
}

function isGateway(role: RoleProcess): boolean {
  return role.spec.program === 'gateway';
}

function isAllocator(role: RoleProcess): boolean {
  return role.spec.program === 'gpu-allocator';
}

function rolesOf(options: SupervisorOptions): RoleSpec[] {
  const config = options.configFile === null ? [] : ['--config', options.configFile];
  const inspect = options.inspectUrl === undefined ? [] : ['--inspect', options.inspectUrl];
  return [
    { name: 'allocator', program: 'gpu-allocator', args: [...config, '--stop-workers'] },
    ...Object.keys(options.config.pools).map((pool) => ({
      name: `planner ${pool}`,
      program: 'planner',
      args: [pool, ...config, ...inspect],
    })),
    { name: 'ingress', program: 'ingress', args: config },
    {
      name: 'gateway',
      program: 'gateway',
      args: options.gatewayPort == null ? config : [...config, '--port', String(options.gatewayPort)],
    },
  ];
}
