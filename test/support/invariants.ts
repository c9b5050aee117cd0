import type { Redis } from 'ioredis';
import type { Config } from '../../src/config/types.js';
import { type Lease, leaseSchema } from '../../src/contract/lease.js';
import { type TransitionRecord, transitionSchema } from '../../src/contract/transition.js';
import { ALL_POOLS, readMaxLeased } from '../../src/gpu/state.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';

const LOOK_MS = 100;

/** Looks at the leases all the time and remembers every look at which invariant 2 did not hold. */
export class LeaseWatch {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #timer: NodeJS.Timeout;
  #looking = false;

  constructor(
    url: string,
    private readonly config: Config,
    readonly wrong: string[] = [],
  ) {
    this.#redis = connect(url, 'plain');
    this.#keys = new Keys(config.namespace);
    this.#timer = setInterval(() => void this.#look(), LOOK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#redis.disconnect();
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      this.wrong.push(...brokenBounds(await leasesOf(this.#redis, this.#keys), this.config));
    } catch {
      // Redis is away: nothing to see.
    } finally {
      this.#looking = false;
    }
  }
}

/** What the leases of one moment break of invariant 2: inventory, budgets, no GPU in two leases. */
function brokenBounds(leases: readonly Lease[], config: Config): string[] {
  const inventory = new Set(
    config.inventory.hosts.flatMap((host) => host.islands.flat().map((index) => `${host.name}:${index}`)),
  );
  const wrong: string[] = [];
  const holders = new Map<string, string>();
  const held = new Map<string, number>();
  for (const { leaseId, pool, gpus } of leases) {
    held.set(pool, (held.get(pool) ?? 0) + gpus.length);
    for (const gpu of gpus) {
      if (!inventory.has(gpu)) wrong.push(`${leaseId} holds ${gpu}, which is not there`);
      if (holders.has(gpu)) wrong.push(`${gpu} is in ${holders.get(gpu)} and ${leaseId}`);
      holders.set(gpu, leaseId);
    }
  }
  for (const [pool, gpus] of held) {
    const ceiling = config.pools[pool]?.gpuBudget.ceiling ?? 0;
    if (gpus > ceiling) wrong.push(`${pool} holds ${gpus} GPUs of ${ceiling}`);
  }
  return wrong;
}

async function leasesOf(redis: Redis, keys: Keys): Promise<Lease[]> {
  return (await redis.hvals(keys.gpu('leases'))).map((text) => leaseSchema.parse(JSON.parse(text)));
}

/** Transitions of a pool, oldest first. */
export async function transitionsOf(redis: Redis, keys: Keys, pool: string): Promise<TransitionRecord[]> {
  const entries = await redis.xrange(keys.transitions(pool), '-', '+');
  return entries.map(([, fields]) => transitionSchema.parse(JSON.parse(fields[1] ?? '')));
}

/**
 * What is broken of the invariants of the design (section 7) in a system whose load has ended; empty when all hold.
 * @param ids the requests that were accepted, each with its pool
 */
export async function brokenInvariants(
  redis: Redis,
  config: Config,
  ids: readonly { id: string; pool: string }[],
): Promise<string[]> {
  const keys = new Keys(config.namespace);
  const wrong = brokenBounds(await leasesOf(redis, keys), config);
  wrong.push(...(await wrongPeaks(redis, keys, config)));
  for (const pool of Object.keys(config.pools)) {
    const queues = new PoolQueues(pool, keys, redis);
    for (const queue of [queues.decode, queues.prefill]) {
      const states = ['active', 'wait', 'prioritized', 'delayed', 'waiting-children'] as const;
      const left = await queue.getJobs([...states], 0, 20);
      for (const job of left) wrong.push(`${job.id} is still ${await job.getState()} on ${queue.name}`);
    }
    for (const { id } of ids.filter((request) => request.pool === pool)) {
      const job = await queues.find(id);
      const end = await redis.get(keys.end(pool, id));
      if (job?.finishedOn === undefined && end === null) wrong.push(`${id} has not ended`);
      if (job?.finishedOn !== undefined && end !== null) wrong.push(`${id} has two ends`);
    }
    await queues.close();
    wrong.push(...wrongTransitions(await transitionsOf(redis, keys, pool), config));
  }
  wrong.push(...(await withoutEnd(redis)));
  return wrong;
}

/** The ledger's own accounts: the most that was ever leased at once. */
async function wrongPeaks(redis: Redis, keys: Keys, config: Config): Promise<string[]> {
  const gpus = config.inventory.hosts.flatMap((host) => host.islands.flat()).length;
  return Object.entries(await readMaxLeased(redis, keys)).flatMap(([pool, peak]) => {
    const most = pool === ALL_POOLS ? gpus : (config.pools[pool]?.gpuBudget.ceiling ?? 0);
    return peak > most ? [`${pool} once held ${peak} GPUs of ${most}`] : [];
  });
}

/** Records and generations only rise, and nothing was taken away on stale or missing telemetry. */
function wrongTransitions(records: readonly TransitionRecord[], config: Config): string[] {
  const wrong: string[] = [];
  let sequence: number | null = null;
  let before: { generation: number; prefill: number; decode: number } | null = null;
  for (const { pool, sequence: own, order, observation, atMs, reason } of records) {
    if (sequence !== null && own <= sequence) wrong.push(`${pool}: record ${own} follows ${sequence}`);
    sequence = own;
    if (order === null) continue;
    if (before !== null && order.generation < before.generation)
      wrong.push(`${pool}: generation ${order.generation} follows ${before.generation}`);
    const fewer = before !== null && (order.decode < before.decode || order.prefill < before.prefill);
    const age = observation?.telemetryAgeSeconds ?? null;
    const seen = age === null || observation === null ? null : age + (atMs - observation.atMs) / 1000;
    if (fewer && (seen === null || seen > config.planner.telemetryStaleSeconds))
      wrong.push(`${pool}: order ${order.generation} takes away on telemetry of age ${seen}: ${reason}`);
    before = order;
  }
  return wrong;
}

/** Journals and locks that nothing would ever remove. */
async function withoutEnd(redis: Redis): Promise<string[]> {
  const wrong: string[] = [];
  let cursor = '0';
  do {
    const [next, found] = await redis.scan(cursor, 'COUNT', 500);
    cursor = next;
    for (const key of found) {
      if (!/:journal:|:lock$|:end:|:claim:/.test(key)) continue;
      if ((await redis.pttl(key)) === -1) wrong.push(`${key} has no time to live`);
    }
  } while (cursor !== '0');
  return wrong;
}
