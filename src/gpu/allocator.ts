import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError } from '../contract/errors.js';
import type { ScaleGrant, ScaleOrder } from '../contract/scale.js';
import { connect } from '../queues/connection.js';
import { within } from '../queues/within.js';
import type { AllocatorContext } from './context.js';
import { FencedError, RedisLedger } from './ledger.js';
import { holdLock, releaseLock } from './lock.js';
import { scaleWorker } from './orders.js';
import { ReconcilePass } from './pass.js';
import { stopAllWorkers } from './shutdown.js';
import { readGrant, readWorkerFailures } from './state.js';
import { parseStored } from './stored.js';

const LOCK_EVERY_MS = 1000;
const PASS_EVERY_MS = 500;
/** A Redis that does not answer for so long counts as gone when the allocator ends. */
const REACHABLE_MS = 3000;
/** What a killed allocator wrote about itself is removed after so long. */
const ROLE_KEPT_MS = 60_000;

const roleSchema = z.object({ role: z.string(), atMs: z.number() });

/** The time in which this process has the right to act. */
interface Term {
  ledger: RedisLedger;
  worker: Worker;
  connection: Redis;
}

/**
 * The GPU allocator: takes scale orders, keeps leases and workers as the orders want them, and yields to another
 * allocator when it loses the lock. Killed at any moment, it leaves nothing that its successor does not put right.
 */
export class Allocator {
  private readonly id = `allocator-${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  private readonly startedAtMs = Date.now();
  private readonly passes: ReconcilePass;
  private term: Term | null = null;
  private stopping = false;
  private ended = false;
  private lockInFlight = false;
  private lockTimer: NodeJS.Timeout | undefined;
  private passTimer: NodeJS.Timeout | undefined;
  /** Passes run one after another; each waits here for the one before. */
  private line: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly context: AllocatorContext,
    private readonly redisUrl: string,
  ) {
    this.passes = new ReconcilePass(context);
    context.actuator.onExit(() => this.soon(0));
  }

  /** Starts acting as soon as no other allocator does; resolves after the first attempt. */
  async start(): Promise<void> {
    await this.holdOn();
    this.lockTimer = setInterval(() => void this.holdOn(), LOCK_EVERY_MS);
  }

  /**
   * Ends. With `stopWorkers` every worker is drained first (killed at its drain deadline) and no lease is left;
   * without, workers live on for the next allocator.
   */
  async stop({ stopWorkers }: { stopWorkers: boolean }): Promise<void> {
    this.stopping = true;
    clearTimeout(this.passTimer);
    const { context, term } = this;
    const { redis, keys } = context;
    const reachable = await within(redis.ping(), REACHABLE_MS);
    if (term) {
      // An order in work ends first; without Redis it cannot, and is run again by the next allocator.
      await within(term.worker.close(!reachable), REACHABLE_MS);
      if (stopWorkers) {
        const pass = () => this.queued(() => this.passes.run(term.ledger, { stopAll: true }));
        await stopAllWorkers(context, reachable, pass);
      }
    }
    this.ended = true;
    clearInterval(this.lockTimer);
    if (reachable) {
      const goodbye = [releaseLock(redis, keys, this.id), redis.hdel(keys.roles(), this.id)];
      await within(Promise.all(goodbye), REACHABLE_MS);
    }
    this.term?.connection.disconnect();
    this.term = null;
  }

  /** While it stops its workers: the requests that these still finish go back to their queues. */
  hurry(): void {
    const { actuator, log } = this.context;
    for (const workerId of actuator.known())
      actuator.stop(workerId, { drain: true, hurry: true }).catch((error: unknown) => {
        log.warn({ workerId, err: error }, 'worker could not be hurried');
      });
  }

  /** Takes or keeps the lock, and shows that it lives. */
  private async holdOn(): Promise<void> {
    // While Redis does not answer, one attempt waits; more of them would only pile up.
    if (this.lockInFlight) return;
    this.lockInFlight = true;
    const { redis, keys, log } = this.context;
    try {
      const fence = await holdLock(redis, keys, this.id);
      if (fence !== this.term?.ledger.fence) await this.yieldTerm();
      if (fence !== null && !this.term && !this.stopping) await this.beginTerm(fence);
      if (!this.ended) await this.announce();
    } catch (error) {
      log.warn({ err: error }, 'allocator could not renew its lock');
    } finally {
      this.lockInFlight = false;
    }
  }

  private async beginTerm(fence: number): Promise<void> {
    const { redis, keys, config, log } = this.context;
    const ledger = new RedisLedger(redis, keys, fence);
    await ledger.configure(this.passes.inventory, this.passes.budgets);
    const connection = connect(this.redisUrl, 'worker');
    const worker = scaleWorker(connection, keys, config, log, (order) => this.handle(ledger, order));
    this.term = { ledger, worker, connection };
    log.info({ fence, gpus: this.passes.inventory.length }, 'allocator acts');
    this.soon(0);
    await this.dropOldRoles();
  }

  private async dropOldRoles(): Promise<void> {
    const { redis, keys } = this.context;
    for (const [id, text] of Object.entries(await redis.hgetall(keys.roles()))) {
      const role = parseStored(roleSchema, text);
      if (role?.role === 'allocator' && Date.now() - role.atMs > ROLE_KEPT_MS)
        await redis.hdel(keys.roles(), id);
    }
  }

  private async yieldTerm(): Promise<void> {
    const { term } = this;
    if (!term) return;
    this.term = null;
    this.context.log.warn(
      { fence: term.ledger.fence },
      'no longer the allocator that acts: waiting for the right to act',
    );
    // Forced: an order in work goes back to the queue, or stalls and is run again by the successor.
    await within(term.worker.close(true), REACHABLE_MS);
    term.connection.disconnect();
  }

  /** Writes this process into the list of roles. */
  private async announce(): Promise<void> {
    const { redis, keys } = this.context;
    const role = {
      role: 'allocator',
      id: this.id,
      pid: process.pid,
      host: hostname(),
      state: this.term ? 'acting' : 'waiting',
      startedAtMs: this.startedAtMs,
      atMs: Date.now(),
    };
    await redis.hset(keys.roles(), this.id, JSON.stringify(role));
  }

  /** Applies one order; see `applyOrder` for the generation rule. */
  private async handle(ledger: RedisLedger, order: ScaleOrder): Promise<ScaleGrant> {
    const { redis, keys, log } = this.context;
    const { verdict } = await ledger.order(order);
    if (verdict === 'applied') {
      log.info({ ...order }, `order: ${order.reason}`);
      for (const failure of await readWorkerFailures(redis, keys)) {
        if (failure.pool !== order.pool || !failure.gaveUp) continue;
        await ledger.put('failures', `${failure.pool}:${failure.role}`, null);
      }
    }
    if (verdict !== 'stale') await this.pass(ledger);
    const standing = await readGrant(redis, keys, order.pool);
    if (verdict === 'stale') {
      return {
        pool: order.pool,
        generation: order.generation,
        status: 'stale',
        asked: { prefill: order.prefill, decode: order.decode },
        granted: standing?.granted ?? { prefill: 0, decode: 0 },
        shortage: 'none',
        atMs: Date.now(),
      };
    }
    if (standing?.generation !== order.generation) {
      throw new SluiceError(
        'not_running',
        `order ${order.generation} of ${order.pool} is stored, its grant not yet`,
      );
    }
    return standing;
  }

  private soon(delayMs: number): void {
    clearTimeout(this.passTimer);
    if (!this.stopping) this.passTimer = setTimeout(() => void this.regularPass(), delayMs);
  }

  private async regularPass(): Promise<void> {
    const { term } = this;
    if (!term || this.stopping) return;
    try {
      await this.pass(term.ledger);
    } catch (error) {
      if (error instanceof FencedError) await this.yieldTerm();
      else this.context.log.error({ err: error }, 'allocator pass failed, trying again');
    }
    this.soon(PASS_EVERY_MS);
  }

  private async pass(ledger: RedisLedger): Promise<void> {
    await this.queued(() => this.passes.run(ledger, { stopAll: false }));
    // After the work, not beside it: an allocator that is alive but gets nothing done must not look well.
    await this.context.redis.set(this.context.keys.gpu('beat'), Date.now());
  }

  private queued<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.line.then(work);
    this.line = mine.catch(() => {});
    return mine;
  }
}
