import type { Redis } from 'ioredis';
import { defaultConfig } from '../../src/config/load.js';
import type { Config, PoolConfig } from '../../src/config/types.js';
import type { Heartbeat, WorkerRole } from '../../src/contract/worker.js';
import type { Engine, EngineRequest, TokenBatch } from '../../src/engines/engine.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolWorker } from '../../src/scheduler/worker/pool-worker.js';
import { Recorder } from '../../src/telemetry/recorder.js';

/** The presets with locks short enough for tests of what a dead worker leaves behind. */
export function testConfig(change: (config: Config) => void = () => {}): Config {
  const config = defaultConfig();
  config.queues.lockSeconds = 1.5;
  change(config);
  return config;
}

function poolOf(config: Config, name: string): PoolConfig {
  const pool = config.pools[name];
  if (pool === undefined) throw new Error(`no pool ${name}`);
  return pool;
}

/**
 * An engine that a test drives by hand: each request waits until the test gives it tokens. Token k of request r is
 * `r:k `, so that whoever continues a request makes the same tokens.
 */
export class HandEngine implements Engine {
  readonly seen: EngineRequest[] = [];
  aborted: string[] = [];
  slots: number;
  readonly #gates = new Map<string, { allowed: number; wake: () => void }>();
  #running = 0;
  #roomListener = () => {};

  constructor(
    slots = 100,
    private readonly auto = false,
    /** Tokens in place of the counted ones; the answer ends with them. */
    private readonly script?: readonly string[],
  ) {
    this.slots = slots;
  }

  async start(): Promise<void> {}

  /** Lets a request make tokens up to this index. */
  allow(id: string, tokens: number): void {
    const gate = this.#gate(id);
    gate.allowed = Math.max(gate.allowed, tokens);
    gate.wake();
  }

  async *generate(request: EngineRequest, signal: AbortSignal): AsyncIterable<TokenBatch> {
    this.seen.push(request);
    this.#running++;
    const gate = this.#gate(request.id);
    const last = request.phase === 'prefill' ? 1 : (this.script?.length ?? request.maxTokens);
    signal.addEventListener('abort', () => gate.wake());
    try {
      for (let k = request.emitted.length; k < last; k++) {
        while (!this.auto && gate.allowed <= k && !signal.aborted) {
          await new Promise<void>((resolve) => {
            gate.wake = resolve;
          });
        }
        if (signal.aborted) {
          this.aborted.push(request.id);
          throw signal.reason;
        }
        yield { tokens: [this.script?.[k] ?? `${request.id}:${k} `], atMs: [Date.now()] };
      }
    } finally {
      this.#running--;
      this.#roomListener();
    }
  }

  load() {
    return {
      maxSequences: this.slots,
      runningSequences: this.#running,
      waitingSequences: 0,
      totalKvBlocks: 1000,
      usedKvBlocks: 0,
      blockTokens: 16,
      waitingPrefillTokens: 0,
      prefixHitRate: null,
      generatedTokens: 0,
      preemptions: 0,
    };
  }

  room(): number {
    return Math.max(0, this.slots - this.#running);
  }

  held(): number {
    return this.#running;
  }

  setSlots(slots: number): void {
    this.slots = slots;
    this.#roomListener();
  }

  onRoom(listener: () => void): void {
    this.#roomListener = listener;
  }

  async stop(): Promise<void> {}

  #gate(id: string) {
    let gate = this.#gates.get(id);
    if (gate === undefined) {
      gate = { allowed: 0, wake: () => {} };
      this.#gates.set(id, gate);
    }
    return gate;
  }
}

export interface TestWorker {
  worker: PoolWorker;
  recorder: Recorder;
  stop(): Promise<void>;
}

/** A pool worker in this process, on a real Redis. */
export async function startPoolWorker(
  url: string,
  config: Config,
  pool: string,
  engine: Engine,
  workerId: string,
  role: WorkerRole = 'vllm',
): Promise<TestWorker> {
  const keys = new Keys(config.namespace);
  const redis = connect(url, 'plain');
  const recorder = new Recorder(redis, keys);
  const worker = new PoolWorker({
    workerId,
    role,
    pool: poolOf(config, pool),
    config,
    engine,
    keys,
    redisUrl: url,
    redis,
    recorder,
    now: Date.now,
    log: () => {},
  });
  await worker.start(new AbortController().signal);
  const stop = async () => {
    worker.requeueAll();
    await worker.close();
    redis.disconnect();
  };
  return { worker, recorder, stop };
}

/** What a worker of a pool would tell of itself. @param agoMs since it started */
export async function beat(
  redis: Redis,
  keys: Keys,
  pool: string,
  state: Heartbeat['state'],
  role: WorkerRole = 'vllm',
  agoMs = 0,
): Promise<void> {
  const at = Date.now();
  const worker: Heartbeat = {
    workerId: `${role === 'vllm' ? 'w' : 'p'}-${pool}`,
    pool,
    role,
    state,
    leaseId: 'l',
    host: 'h',
    pid: 1,
    gpus: [],
    tp: 1,
    load: null,
    activeRequests: 0,
    startedAtMs: at - agoMs,
    readyAtMs: at - agoMs,
    atMs: at,
  };
  await redis.hset(keys.heartbeats(pool), worker.workerId, JSON.stringify(worker));
}

/** Waits until the condition holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  limitMs = 20_000,
): Promise<void> {
  const giveUpAt = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > giveUpAt) {
      throw new Error(`waited ${limitMs} ms in vain for: ${typeof what === 'string' ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
