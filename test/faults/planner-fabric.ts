import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { scaleOrderSchema } from '../../src/contract/scale.js';
import { type TransitionRecord, transitionSchema } from '../../src/contract/transition.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { type PlannerSnapshot, snapshotSchema } from '../../src/scheduler/planner-loop/snapshot.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { compileForChild } from '../support/compile.js';
import { heartbeat } from '../telemetry/support.js';

export const POOL = 'p';
const BEAT_MS = 200;

/** Fast loops, and a pool that can come to every state. */
const CONFIG = `
namespace: NAMESPACE
default_level: high
planner:
  fast_interval_seconds: 0.2
  adjustment_interval_seconds: 0.5
  telemetry_stale_seconds: 3
  window_seconds: 30
pools:
  p:
    level: high
    tensor_parallelism: 1
    gpu_budget: 4
    max_workers: 4
    min_workers: 0
    burst_protection: true
    cost_optimization: true
    load_predictor: constant
    idle_after_seconds: 5
    burst_calm_seconds: 600
    engine:
      kind: sim
      cold_start_seconds: 0.2
`;

/**
 * The surroundings of a real planner process: telemetry as ingress and workers would write it, and an allocator that
 * answers orders. Its workers are as `workers` says, or, while null, ready as soon as they are granted.
 */
export class Fabric {
  readonly keys: Keys;
  readonly redis: Redis;
  readonly scale: Queue;
  rps = 0;
  /** Requests that a burst brings at once. */
  extra = 0;
  telemetry = true;
  workers: { ready: number; starting: number; draining: number } | null = null;
  drainsEnd = true;
  applied: number[] = [];
  #granted = 0;
  #draining = 0;
  #generation = 0;
  #owed = 0;
  #clock: () => number;
  #recorder: Recorder;
  readonly allocator: Worker;
  #timer: NodeJS.Timeout;
  #dir = mkdtempSync(join(tmpdir(), 'sluice-planner-'));
  #children: ChildProcess[] = [];

  constructor(
    private readonly url: string,
    namespace: string,
  ) {
    this.keys = new Keys(namespace);
    this.redis = connect(url, 'plain');
    this.scale = new Queue(this.keys.scaleQueue, { connection: this.redis, prefix: this.keys.gpuPrefix() });
    writeFileSync(join(this.#dir, 'config.yaml'), CONFIG.replace('NAMESPACE', namespace));
    // It has counted since a while ago: the seconds before now are known to be empty.
    this.#clock = () => Date.now() - 60_000;
    this.#recorder = new Recorder(this.redis, this.keys, { pools: [POOL], clock: () => this.#clock() });
    this.#clock = Date.now;
    this.allocator = new Worker(this.keys.scaleQueue, (job) => this.#apply(job.data), {
      connection: connect(url, 'worker'),
      prefix: this.keys.gpuPrefix(),
    });
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS);
  }

  /** Starts a planner process. */
  async planner(): Promise<ChildProcess> {
    const entry = fileURLToPath(await compileForChild('workers/planner.ts'));
    const child = spawn(process.execPath, [entry, POOL, '--config', join(this.#dir, 'config.yaml')], {
      env: { ...process.env, REDIS_URL: this.url },
      stdio: process.env.SLUICE_TEST_LOG ? 'inherit' : 'ignore',
    });
    this.#children.push(child);
    return child;
  }

  async snapshot(): Promise<PlannerSnapshot | null> {
    const text = await this.redis.get(this.keys.plannerSnapshot(POOL));
    return text === null ? null : snapshotSchema.parse(JSON.parse(text));
  }

  async records(): Promise<TransitionRecord[]> {
    const entries = await this.redis.xrange(this.keys.transitions(POOL), '-', '+');
    return entries.map(([, fields]) => transitionSchema.parse(JSON.parse(fields[1] ?? '')));
  }

  async close(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    clearInterval(this.#timer);
    await this.#recorder.close();
    await this.allocator.close();
    await this.scale.close();
    this.redis.disconnect();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #apply(data: unknown): Promise<object> {
    const order = scaleOrderSchema.parse(data);
    const asked = { prefill: order.prefill, decode: order.decode };
    const status = order.generation < this.#generation ? 'stale' : 'applied';
    const grant = {
      pool: POOL,
      generation: order.generation,
      status,
      asked,
      granted: asked,
      shortage: 'none',
    };
    const stored = { ...grant, atMs: Date.now() };
    if (status === 'stale') return stored;
    this.applied.push(order.generation);
    this.#generation = order.generation;
    if (!this.drainsEnd) this.#draining += Math.max(0, this.#granted - order.decode);
    this.#granted = order.decode;
    await this.redis.hset(this.keys.gpu('desired'), POOL, JSON.stringify(order));
    await this.redis.hset(this.keys.gpu('grants'), POOL, JSON.stringify(stored));
    return stored;
  }

  async #beat(): Promise<void> {
    const now = Date.now();
    await this.redis.set(this.keys.gpu('beat'), now);
    if (!this.telemetry) return;
    this.#owed += (this.rps * BEAT_MS) / 1000 + this.extra;
    this.extra = 0;
    for (; this.#owed >= 1; this.#owed--) this.#recorder.arrival(POOL, now, 1000);
    const { ready, starting, draining } = this.workers ?? {
      ready: this.#granted,
      starting: 0,
      draining: this.#draining,
    };
    const states = [
      ...Array<'ready'>(ready).fill('ready'),
      ...Array<'starting'>(starting).fill('starting'),
      ...Array<'draining'>(draining).fill('draining'),
    ];
    const beats = states.flatMap((state, i) => {
      const workerId = `w${i}`;
      const load = { ...heartbeat({}).load, usedKvBlocks: 100 };
      const readyAtMs = state === 'starting' ? null : now - 5_000;
      const beat = { workerId, pool: POOL, state, load, startedAtMs: now - 5_200, readyAtMs, atMs: now };
      return [workerId, JSON.stringify({ ...heartbeat({}), ...beat })];
    });
    const name = this.keys.heartbeats(POOL);
    const write = this.redis.multi().del(name);
    if (beats.length > 0) write.hset(name, ...beats);
    await write.exec();
    await this.#recorder.flush();
  }
}
