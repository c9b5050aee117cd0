import type { Lease } from '../contract/lease.js';
import type { ControlMessage } from '../contract/reply.js';
import type { Heartbeat } from '../contract/worker.js';
import type { AllocatorContext } from './context.js';
import { STABLE_SECONDS } from './core/restarts.js';
import { type LastSeen, settleEnded } from './ended.js';
import type { Fleet } from './fleet.js';
import type { RedisLedger } from './ledger.js';

/** A started worker may take so long to its first sign of life. */
const START_GRACE_MS = 60_000;
/** A worker past its drain deadline, or without a lease, gets so long to end by itself. */
const END_GRACE_MS = 5_000;
/** A drain that shows no effect is asked for again after so long. */
const SIGNAL_AGAIN_MS = 3_000;

/** Looks after the workers that are there, between one plan and the next. */
export class FleetWatch {
  /** For workers that give their lease back themselves before they end. */
  private readonly lastSeen = new Map<string, LastSeen>();
  private readonly leaselessSince = new Map<string, number>();
  private readonly drainSentAt = new Map<string, number>();

  constructor(private readonly context: AllocatorContext) {}

  /** Brings ledger, records and processes together; returns with `fleet` up to date. */
  async tend(ledger: RedisLedger, fleet: Fleet, expired: readonly string[], nowMs: number): Promise<void> {
    const { actuator } = this.context;
    for (const [workerId, lease] of fleet.leases) {
      const heartbeat = fleet.heartbeats.get(workerId);
      this.see(lease, heartbeat);
      const started = fleet.processes.get(workerId) ?? heartbeat;
      if (started) actuator.adopt(workerId, started);
    }
    await this.reclaim(ledger, fleet, expired, nowMs);
    for (const lease of [...fleet.leases.values()]) {
      const alive = actuator.alive(lease.workerId);
      if (alive === false) {
        const exit = actuator.exitOf(lease.workerId);
        await settleEnded(this.context, ledger, fleet, this.see(lease), { kind: 'exit', exit }, nowMs);
        this.drop(lease.workerId);
      } else if (alive && lease.state === 'starting' && nowMs - lease.sinceMs < START_GRACE_MS) {
        await ledger.keep(lease);
      } else if (lease.state === 'draining') {
        await this.urge(fleet, lease, nowMs);
      }
    }
    await this.sweepLeaseless(ledger, fleet, nowMs);
    await this.forgive(ledger, fleet, nowMs);
  }

  /** Remembers a worker's lease as it is now, and its heartbeat if there is a new one. */
  see(lease: Lease, heartbeat?: Heartbeat): LastSeen {
    const seen = { lease, heartbeat: heartbeat ?? this.lastSeen.get(lease.workerId)?.heartbeat };
    this.lastSeen.set(lease.workerId, seen);
    return seen;
  }

  /**
   * Asks a worker to drain: by a signal, or over its pool's channel where its process cannot be seen (an allocator of
   * another host started it). @param now there its requests go back to the queue at once
   */
  async drain({ workerId, pool }: Lease, nowMs: number, now = false): Promise<void> {
    const { actuator } = this.context;
    this.drainSentAt.set(workerId, nowMs);
    if (actuator.alive(workerId) === null) await this.tell(pool, { type: 'drain', workerId, now });
    else await actuator.stop(workerId, { drain: true });
  }

  /** Takes a drain back, the way that it was asked for. */
  async keep({ workerId, pool }: Lease): Promise<void> {
    const { actuator } = this.context;
    if (actuator.alive(workerId) === null) await this.tell(pool, { type: 'keep', workerId });
    else await actuator.resume(workerId);
  }

  private async tell(pool: string, message: ControlMessage): Promise<void> {
    const { redis, keys } = this.context;
    await redis.publish(keys.control(pool), JSON.stringify(message));
  }

  /** Takes leases back that ran out. The process, if it is here, is killed before its GPUs are free. */
  private async reclaim(ledger: RedisLedger, fleet: Fleet, expired: readonly string[], nowMs: number) {
    for (const lease of [...fleet.leases.values()]) {
      if (!expired.includes(lease.leaseId)) continue;
      await this.context.actuator.stop(lease.workerId, { drain: false });
      // One that renewed since the sweep keeps its lease; if it was just killed, the next pass sees it dead.
      const ended = await ledger.reclaim([lease.leaseId]);
      if (ended.length === 0) continue;
      await settleEnded(this.context, ledger, fleet, this.see(lease), { kind: 'silent' }, nowMs);
      this.drop(lease.workerId);
    }
  }

  /** Asks again where that was lost, and ends the worker at the drain deadline. */
  private async urge(fleet: Fleet, lease: Lease, nowMs: number): Promise<void> {
    const { actuator, config, log } = this.context;
    const { workerId, pool } = lease;
    const overdue = nowMs - lease.stateSinceMs > config.worker.drainSeconds * 1000 + END_GRACE_MS;
    if (overdue && actuator.alive(workerId)) {
      log.warn({ pool, workerId }, 'worker did not stop by its drain deadline: killed');
      await actuator.stop(workerId, { drain: false });
      return;
    }
    // Only on a worker's own word, given well after it was asked: asked twice, it ends its requests early.
    const heartbeat = fleet.heartbeats.get(workerId);
    const sentAtMs = this.drainSentAt.get(workerId) ?? lease.stateSinceMs;
    if (heartbeat === undefined || heartbeat.atMs - sentAtMs < SIGNAL_AGAIN_MS) return;
    const unheeded = heartbeat.state === 'starting' || heartbeat.state === 'ready';
    if (unheeded || overdue) await this.drain(lease, nowMs, overdue);
  }

  /** Workers without a lease: those that gave it back and ended are booked, those that linger are killed. */
  private async sweepLeaseless(ledger: RedisLedger, fleet: Fleet, nowMs: number): Promise<void> {
    const { actuator, redis, keys, config } = this.context;
    for (const [workerId, started] of fleet.processes) {
      if (!fleet.leases.has(workerId)) actuator.adopt(workerId, started);
    }
    for (const workerId of actuator.known()) {
      if (fleet.leases.has(workerId)) continue;
      if (actuator.alive(workerId)) {
        const since = this.leaselessSince.get(workerId) ?? nowMs;
        this.leaselessSince.set(workerId, since);
        if (nowMs - since > END_GRACE_MS) await actuator.stop(workerId, { drain: false });
        continue;
      }
      const seen = this.lastSeen.get(workerId);
      const exit = actuator.exitOf(workerId);
      this.drop(workerId);
      if (seen) await settleEnded(this.context, ledger, fleet, seen, { kind: 'exit', exit }, nowMs);
      else actuator.forget(workerId);
    }
    // One whose process cannot be seen and that gave its lease back has ended in order: a crash keeps it until it runs out.
    for (const workerId of new Set([...this.lastSeen.keys(), ...fleet.processes.keys()])) {
      if (fleet.leases.has(workerId) || actuator.alive(workerId) !== null) continue;
      this.drop(workerId);
      await ledger.put('processes', workerId, null);
    }
    for (const [workerId, { pool, atMs }] of fleet.heartbeats) {
      const old = nowMs - atMs > 3 * config.worker.leaseSeconds * 1000;
      if (old && !fleet.leases.has(workerId)) await redis.hdel(keys.heartbeats(pool), workerId);
    }
  }

  /** A worker that stayed ready for long ends the row of crashes of its pool and role. */
  private async forgive(ledger: RedisLedger, fleet: Fleet, nowMs: number): Promise<void> {
    for (const [field, failure] of fleet.failures) {
      const stable = [...fleet.heartbeats.values()].some(
        (hb) =>
          hb.pool === failure.pool &&
          hb.role === failure.role &&
          hb.state === 'ready' &&
          fleet.leases.has(hb.workerId) &&
          nowMs - Math.max(hb.readyAtMs ?? nowMs, failure.atMs) > STABLE_SECONDS * 1000,
      );
      if (!stable) continue;
      await ledger.put('failures', field, null);
      fleet.failures.delete(field);
    }
  }

  private drop(workerId: string): void {
    this.lastSeen.delete(workerId);
    this.leaselessSince.delete(workerId);
    this.drainSentAt.delete(workerId);
  }
}
