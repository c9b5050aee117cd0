import { hostname } from 'node:os';
import type { FastifyInstance } from 'fastify';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { assertGuarded } from '../config/guarded.js';
import type { Config } from '../config/types.js';
import { Dashboard } from '../dashboard/dashboard.js';
import { connect } from '../queues/connection.js';
import { formerPoolAdvice } from '../queues/former-pools.js';
import { Keys } from '../queues/keys.js';
import { within } from '../queues/within.js';
import { SluiceClient } from '../scheduler/client.js';
import type { Found } from '../scheduler/pool-router.js';
import { announceMetrics, reachable } from '../telemetry/metrics/targets.js';
import { findKey } from '../tenants/key-store.js';
import { Admission } from './admission/admission.js';
import { type CapacityModels, capacityModels } from './admission/capacity.js';
import { Files } from './batches/files.js';
import { BatchRunner } from './batches/runner.js';
import { sendLine } from './batches/send.js';
import { BatchStore } from './batches/store.js';
import { Connections } from './connections.js';
import { KeyCache } from './key-cache.js';
import { listen } from './listen.js';
import { Monitor } from './monitor/monitor.js';
import { lookAt } from './requests/view.js';
import { Revocations } from './revocations.js';
import { sentBefore } from './serve/submit.js';
import { buildServer } from './server.js';
import { Webhooks } from './webhooks/webhooks.js';

const BEAT_MS = 1_000;
/** A cancel is told at once; its end, at a worker that may be gone, is not worth a longer wait to a gateway that ends. */
const LEAVING_MS = 2_000;
/** Once its streams have ended, a gateway whose Redis is silent waits no longer than this to say goodbye. */
const GOODBYE_MS = 10_000;

export interface GatewayOptions {
  config: Config;
  redisUrl: string;
  /** Where its port is remembered. */
  dataDir: string;
  log: Logger;
}

/** One HTTP gateway. Holds nothing that is not in Redis, so any number of them work side by side. */
export class Gateway {
  url = '';
  #stopping = false;
  /** Cancels of requests whose clients have left that are under way. */
  readonly #leaving = new Set<Promise<unknown>>();
  #beat: NodeJS.Timeout | undefined;
  readonly #app: FastifyInstance;
  readonly #webhooks: Webhooks;
  readonly #batches: BatchRunner;
  readonly #monitor: Monitor;
  #withdraw: (() => Promise<void>) | undefined;
  /** Connection of the workers of its own queues. */
  readonly #blocking: Redis;
  readonly #revocations: Revocations;
  readonly #dashboard: Dashboard;
  /** Its connection: a look at the whole system is some hundred commands. */
  readonly #looking: Redis;
  readonly #connections: Connections;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #roleId: string;

  private constructor(
    private readonly options: GatewayOptions,
    private readonly client: SluiceClient,
    models: CapacityModels,
  ) {
    const { config, log, redisUrl } = options;
    const keys = new Keys(config.namespace);
    const redis = connect(redisUrl, 'plain');
    const now = Date.now;
    const known = new KeyCache((id) => findKey(redis, keys, id), now);
    this.#revocations = new Revocations(redisUrl, redis, keys, client, known, log);
    const stopping = () => this.#stopping;
    const revocations = this.#revocations;
    const admission = new Admission(config, redis, keys, client, models, now);
    const view = (found: Found) => lookAt({ client, admission }, found);
    this.#blocking = connect(redisUrl, 'worker');
    this.#webhooks = new Webhooks({ config, redis, keys, client, log, view }, this.#blocking);
    const webhooks = this.#webhooks;
    const files = new Files(redis, keys, now);
    const batchStore = new BatchStore(redis, keys);
    this.#looking = connect(redisUrl, 'reader');
    this.#dashboard = new Dashboard(this.#looking, keys, config, now);
    const dashboard = this.#dashboard;
    const monitor = new Monitor(redis, keys, config, now);
    this.#monitor = monitor;
    const leaving = this.#leaving;
    const told = { admission, webhooks, files, batchStore, dashboard, monitor, now, stopping, leaving };
    const services = { config, client, redis, keys, known, revocations, log, ...told };
    this.#batches = new BatchRunner(
      {
        ...{ config, redis, keys, log, files, now, store: batchStore },
        send: (batch, line, id) => sendLine(services, batch, line, id),
        sentBefore: (id) => sentBefore(services, id),
        cancel: (id) => client.cancel(id),
      },
      this.#blocking,
    );
    this.#app = buildServer({ ...services, batchRunner: this.#batches });
    this.#connections = new Connections(this.#app.server);
    this.#keys = keys;
    this.#redis = redis;
    this.#roleId = `gateway-${hostname()}-${process.pid}`;
  }

  /** Errors: `no_redis`, `invalid_config`, `port_in_use`. */
  static async open(options: GatewayOptions): Promise<Gateway> {
    const { config, redisUrl, dataDir, log } = options;
    assertGuarded(config.gateway);
    const models = capacityModels(config);
    const client = await SluiceClient.open(config, redisUrl);
    const gateway = new Gateway(options, client, models);
    try {
      gateway.url = await listen(gateway.#app, config.gateway, dataDir);
      await gateway.#writeBeat();
      for (const pool of await client.formerPools()) log.warn(pool, formerPoolAdvice(pool));
    } catch (error) {
      await gateway.close();
      throw error;
    }
    gateway.#dashboard.start();
    gateway.#announce();
    gateway.#beat = setInterval(() => void gateway.#writeBeat().catch(() => {}), BEAT_MS);
    log.info({ url: gateway.url, auth: config.gateway.auth }, 'gateway ready');
    return gateway;
  }

  /**
   * Takes no new request and says so, finishes those it has, for as long as a worker may drain, and ends. Those that it
   * cuts off then are cancelled, where no other client can ask for them.
   */
  async close(): Promise<void> {
    this.#stopping = true;
    const limit = setTimeout(() => this.hurry(), this.options.config.worker.drainSeconds * 1000);
    await this.#dashboard.close();
    await this.#connections.emptied();
    const closed = this.#app.close();
    this.#connections.endAsIdle();
    await closed;
    clearTimeout(limit);
    clearInterval(this.#beat);
    this.#revocations.close();
    if (!(await within(this.#goodbye(), GOODBYE_MS)))
      this.options.log.warn('Redis did not answer: the gateway ends without having said so');
    this.#blocking.disconnect();
    this.#looking.disconnect();
    this.#redis.disconnect();
  }

  /** Cuts off what it has in hand. */
  hurry(): void {
    this.#app.server.closeAllConnections();
  }

  async #goodbye(): Promise<void> {
    // Those that were cut off have seen it after this.
    await new Promise(setImmediate);
    await within(Promise.allSettled(this.#leaving), LEAVING_MS);
    await this.#batches.close();
    await this.#webhooks.close();
    await this.client.close();
    await this.#monitor.close();
    await this.#withdraw?.();
    await this.#redis.hdel(this.#keys.roles(), this.#roleId);
  }

  /** Tells where its metrics are, as every role does. */
  #announce(): void {
    const told = { role: 'gateway', url: `${reachable(this.url)}/metrics` };
    this.#withdraw = announceMetrics(this.#redis, this.#keys, this.#roleId, told);
  }

  async #writeBeat(): Promise<void> {
    const { url, client } = this;
    const beat = { role: 'gateway', pid: process.pid, atMs: Date.now(), url, counts: client.counts() };
    await this.#redis.hset(this.#keys.roles(), this.#roleId, JSON.stringify(beat));
  }
}
