import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import type { Config } from '../../config/types.js';
import { AllQueues } from '../../queues/all-queues.js';
import type { Keys } from '../../queues/keys.js';
import { processRegistry } from '../../telemetry/metrics/process-metrics.js';
import { systemMetrics } from '../../telemetry/metrics/system-metrics.js';
import { type ScrapeTarget, scrapeTargets } from '../../telemetry/metrics/targets.js';
import { StatusCollector } from '../../telemetry/status.js';

/** Scrapers that come within so long share one reading. */
const FRESH_MS = 500;
const ANSWER_LIMIT_MS = 4_000;

/** What a gateway shows to monitoring: the whole system by Redis, and its own process. */
export class Monitor {
  readonly queues: AllQueues;
  readonly registry: Registry;
  readonly #collector: StatusCollector;
  #last: { atMs: number; text: Promise<string> } | undefined;

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly config: Config,
    private readonly now: () => number,
  ) {
    this.queues = new AllQueues(redis, keys, config);
    this.registry = processRegistry(redis, { role: 'gateway' }, keys.probe());
    this.#collector = new StatusCollector(redis, keys, config);
  }

  /**
   * Everything in Prometheus' text format. While Redis does not answer, the figures of the system are left out, never
   * shown as they were; `sluice_redis_up` is 0 then.
   */
  async metrics(): Promise<string> {
    const [system, own] = await Promise.all([this.#system(), this.registry.metrics()]);
    return `${system}${own}`;
  }

  targets(): Promise<ScrapeTarget[]> {
    return scrapeTargets(this.redis, this.keys, this.now());
  }

  async close(): Promise<void> {
    await Promise.all([this.queues.close(), this.#collector.close()]);
  }

  async #system(): Promise<string> {
    const nowMs = this.now();
    if (this.#last === undefined || nowMs - this.#last.atMs >= FRESH_MS) {
      const { redis, keys, config, queues } = this;
      const status = (atMs: number) => this.#collector.collect(atMs);
      const text = systemMetrics({ redis, keys, config, status, queues: queues.byName }, nowMs).catch(
        () => '',
      );
      this.#last = { atMs: nowMs, text };
    }
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(''), ANSWER_LIMIT_MS);
    });
    return Promise.race([this.#last.text, limit]).finally(() => clearTimeout(timer));
  }
}
