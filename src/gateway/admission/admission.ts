import type { Redis } from 'ioredis';
import { orderOf } from '../../admission/fairness.js';
import { type PoolSight, type Prediction, predict } from '../../admission/prediction.js';
import { judge, type Refusal, type Terms, type Verdict } from '../../admission/verdict.js';
import { poolsBelow } from '../../config/pools-below.js';
import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { RoutedRequest } from '../../contract/request.js';
import type { Heartbeat } from '../../contract/worker.js';
import { normalQuantile } from '../../forecast/bands/largest.js';
import type { Keys } from '../../queues/keys.js';
import type { SluiceClient } from '../../scheduler/client.js';
import { promise, type Redeemed, redeem } from '../../tenants/promises.js';
import type { Capacity, CapacityModels } from './capacity.js';
import { type Held, InHand } from './in-hand.js';
import { type Reading, Readings, readyOf, type Slow } from './readings.js';

/** A planner that has no worker orders one within so long. */
const ORDER_SECONDS = 2;
/** A deadline this close to the pool's own target is that of a usual request. */
const USUAL_MS = 20;
/** Behind every request. */
const LAST = Number.POSITIVE_INFINITY;
const NO_PROMISES: Redeemed = { promised: false, dueSoon: 0, outstanding: 0, share: 1 };

/** How a request would fare at one pool. */
export interface Prospect {
  verdict: Verdict;
  /** By what the verdict was found. */
  terms: Terms;
  prediction: Prediction;
  /** 0..100: the probability, in %, with which it starts within `prediction.startWithinSeconds`. */
  percentile: number;
  capacity: Capacity;
  /** Requests/s of the pool's workers. */
  perSecond: number;
  outstanding: number;
  workers: readonly Heartbeat[];
}

export interface AdmissionRequest {
  routed: RoutedRequest;
  tenant: string;
  /** Of what is asked for: by it a client that comes back is known. */
  digest: () => string;
  /** It may wait beyond its target: nobody holds a connection for it. */
  patient: boolean;
}

/** What goes before a request. */
interface Before {
  /** Requests of the queue as it was counted, Unix ms. */
  ahead: number;
  countedAtMs: number;
  /** Where it stands in its pool's order, Unix ms. */
  order: number;
  /** Promises that are due. */
  promised: number;
}

/**
 * Admission by prediction: what the queue, the workers and their profile make of a request, now. All of it is told by
 * Redis, so gateways side by side decide alike; what this one has just admitted is counted on top.
 */
export class Admission {
  readonly #inHand = new Map<string, InHand>();
  /** Those that were admitted, from that moment: many are judged before the first of them is sent. */
  readonly #admitted = new WeakMap<RoutedRequest, Held | undefined>();
  readonly #readings: Readings;

  constructor(
    private readonly config: Config,
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly client: SluiceClient,
    private readonly models: CapacityModels,
    private readonly now: () => number,
  ) {
    for (const pool of Object.values(config.pools)) {
      this.#inHand.set(pool.name, new InHand());
    }
    this.#readings = new Readings(redis, keys, config, client, models, now);
  }

  /** Whether requests of a pool are judged at all. */
  predicts(pool: string): boolean {
    return this.#pool(pool).admission.policy === 'predict';
  }

  /** Counts an admitted request until readings of the queue have it. One that `consider` admitted is counted since then. */
  hold(routed: RoutedRequest): { durable: () => void; dropped: () => void } {
    const inHand = this.#inHand.get(routed.pool);
    const held = this.#admitted.get(routed) ?? this.#count(routed);
    return {
      durable: () => {
        if (held !== undefined) held.durableAtMs = this.now();
      },
      dropped: () => {
        if (held !== undefined) inHand?.remove(held);
      },
    };
  }

  /**
   * How the request would fare now. Unless it is `only` looked at, a client that comes back as it was told uses its promise up, and
   * what is admitted is to be sent: it is counted.
   */
  async consider(request: AdmissionRequest, only = false): Promise<Prospect> {
    const { routed, patient } = request;
    const pool = this.#pool(routed.pool);
    const [reading, slow] = await Promise.all([this.#readings.of(pool), this.#readings.slow(pool)]);
    this.#inHand.get(pool.name)?.forget(reading.atMs);
    const capacity = this.#capacity(pool, routed, slow);
    const order = orderOf(routed, this.config.queues.deadlineResolutionMs);
    const usual = routed.acceptedAtMs + pool.targets.ttftSeconds * 1000;
    const counts = reading.waiting > 0 && Math.abs(order - usual) > USUAL_MS;
    // What is durable by then is counted, or has left the queue for a place that fell free.
    const countedAtMs = counts ? this.now() : reading.atMs;
    const ahead = counts ? await this.client.ahead(pool.name, order) : reading.ahead;
    const asked = this.#terms(pool, routed, patient);
    const promises =
      reading.promises === 0 || patient || only
        ? NO_PROMISES
        : await redeem(
            this.redis,
            this.keys,
            { pool: pool.name, tenant: request.tenant, digest: request.digest() },
            this.now(),
            (asked.aimSeconds ?? 0) * 1000,
          );
    // Who comes on a promise has the time that was kept for others like it.
    const promised = promises.promised ? 0 : promises.dueSoon;
    const before = { ahead, countedAtMs, order, promised };
    const sight = this.#sight(pool, reading, slow, capacity, before);
    const percentile = promises.promised ? 50 : pool.latencyPercentile;
    const prediction = predict(sight, capacity.own, normalQuantile(percentile / 100));
    const terms = relaxed(asked, promises, pool);
    const verdict = judge(prediction, capacity.own.firstTokenSeconds, terms, {
      ready: sight.requests.ready,
      waiting: reading.waiting + this.#notRead(pool.name, reading.atMs, LAST).requests,
      waitingRoom: pool.admission.waitingRoom,
    });
    if (verdict.kind === 'admit' && !only) this.#admitted.set(routed, this.#count(routed));
    const perSecond = Math.max(1, sight.requests.ready) * sight.requests.rate;
    const { outstanding } = promises;
    const { workers } = reading;
    return { verdict, terms, prediction, percentile, capacity, perSecond, outstanding, workers };
  }

  /**
   * When an accepted request starts and ends, Unix ms. @param place of a request that waits, 0 first; null: it runs
   * @param made tokens that it has made. null: past, or no time that can be told.
   */
  async estimate(
    { pool: name, isl, maxTokens }: Pick<RoutedRequest, 'pool' | 'isl' | 'maxTokens'>,
    place: number | null,
    made: number,
  ): Promise<{ startMs: number | null; finishMs: number | null }> {
    if (!Object.hasOwn(this.config.pools, name)) return { startMs: null, finishMs: null };
    const pool = this.#pool(name);
    const [reading, slow] = await Promise.all([this.#readings.of(pool), this.#readings.slow(pool)]);
    const capacity = this.#capacity(pool, { isl, maxTokens }, slow);
    const nowMs = this.now();
    if (place === null) {
      const left = Math.max(0, Math.min(maxTokens, slow.lengths.osl) - made);
      const perToken = capacity.own.decodeSeconds / Math.max(1, Math.min(maxTokens, slow.lengths.osl) - 1);
      return { startMs: null, finishMs: nowMs + left * perToken * 1000 };
    }
    const before = { ahead: place, countedAtMs: nowMs, order: LAST, promised: 0 };
    const sight = this.#sight(pool, reading, slow, capacity, before);
    const { startSeconds, finishSeconds } = predict(sight, capacity.own, 0);
    const at = (seconds: number) => (Number.isFinite(seconds) ? nowMs + seconds * 1000 : null);
    return { startMs: at(startSeconds), finishMs: at(finishSeconds) };
  }

  /** What a refused client is told: an error with the time at which it will be taken. */
  async refuse(request: AdmissionRequest, prospect: Prospect): Promise<SluiceError> {
    const { routed, tenant, digest, patient } = request;
    const { verdict, perSecond, outstanding } = prospect;
    if (verdict.kind === 'admit') throw new SluiceError('internal', 'refused what is admitted');
    const { why, waitSeconds } = verdict;
    const pool = this.#pool(routed.pool);
    const booked = Number.isFinite(perSecond) ? outstanding / perSecond : 0;
    const earliest = waitSeconds + booked;
    const retryAfterSeconds =
      why === 'late' && !patient && Number.isFinite(earliest)
        ? await promise(
            this.redis,
            this.keys,
            { pool: pool.name, tenant, digest: digest() },
            this.now(),
            earliest,
            perSecond,
          )
        : earliest;
    const text = messageOf(why, pool, prospect);
    return new SluiceError(
      'overloaded',
      text,
      Number.isFinite(retryAfterSeconds) ? { retryAfterSeconds } : {},
    );
  }

  /** Pools that may serve a request of this one at a lower level, the highest of them first. */
  below(name: string): PoolConfig[] {
    return poolsBelow(this.config, this.#pool(name));
  }

  #terms(
    pool: PoolConfig,
    { acceptedAtMs, deadlineMs, expiresAtMs }: RoutedRequest,
    patient: boolean,
  ): Terms {
    return {
      aimSeconds: patient ? null : ((deadlineMs - acceptedAtMs) / 1000) * pool.performanceBuffer,
      deadlineSeconds: expiresAtMs === undefined ? null : (expiresAtMs - this.now()) / 1000,
    };
  }

  #sight(
    pool: PoolConfig,
    reading: Reading,
    slow: Slow,
    { sequences, rps, promptTokensPerSecond, wholeTokensPerSecond }: Capacity,
    { ahead, countedAtMs, order, promised }: Before,
  ): PoolSight {
    const { workers, running, engineTokens, atMs } = reading;
    const inHand = this.#notRead(pool.name, countedAtMs, order);
    const starting = (role: 'vllm' | 'prefill') =>
      workers
        .filter((worker) => worker.role === role && worker.state === 'starting')
        .map(({ startedAtMs }) => Math.max(0.5, slow.coldStartSeconds - (atMs - startedAtMs) / 1000));
    const ready = readyOf(workers, 'vllm').length;
    const soon = starting('vllm');
    const readyInSeconds = ready + soon.length > 0 ? soon : [slow.coldStartSeconds + ORDER_SECONDS];
    const prefillReady = readyOf(workers, 'prefill').length;
    const split = pool.disaggregation.enabled !== false && prefillReady > 0;
    return {
      requests: { ready, readyInSeconds, head: sequences, rate: rps * slow.pace },
      prompts: {
        ready: split ? prefillReady : ready,
        readyInSeconds: split ? starting('prefill') : readyInSeconds,
        head: 0,
        rate: (split ? promptTokensPerSecond : wholeTokensPerSecond) * slow.pace,
      },
      running,
      ahead: ahead + inHand.requests + promised,
      tokensAhead: engineTokens + inHand.tokens + (ahead + promised) * slow.lengths.isl,
    };
  }

  #capacity(pool: PoolConfig, request: Pick<RoutedRequest, 'isl' | 'maxTokens'>, slow: Slow): Capacity {
    const model = this.models.get(pool.name);
    if (model === undefined) throw new SluiceError('internal', `no pool named ${pool.name}`);
    return model.of(request, slow.lengths);
  }

  #count(routed: RoutedRequest): Held | undefined {
    // Nobody asks of a pool that takes everything, and what it had would never be forgotten.
    if (!this.predicts(routed.pool)) return undefined;
    const order = orderOf(routed, this.config.queues.deadlineResolutionMs);
    return this.#inHand.get(routed.pool)?.add(routed.isl, order);
  }

  /** What was admitted here, does not stand behind `order`, and a look at the queue at `atMs` does not have. */
  #notRead(pool: string, atMs: number, order: number): { requests: number; tokens: number } {
    return this.#inHand.get(pool)?.since(atMs, order) ?? { requests: 0, tokens: 0 };
  }

  #pool(name: string): PoolConfig {
    const pool = this.config.pools[name];
    if (pool === undefined) throw new SluiceError('internal', `no pool named ${name}`);
    return pool;
  }
}

/** A promise is kept while the target itself can be; the buffer is for those who come anew. */
function relaxed(terms: Terms, { promised }: Redeemed, { performanceBuffer }: PoolConfig): Terms {
  if (!promised || terms.aimSeconds === null) return terms;
  return { ...terms, aimSeconds: terms.aimSeconds / performanceBuffer };
}

function messageOf(why: Refusal, pool: PoolConfig, prospect: Prospect): string {
  const { terms, prediction, percentile, capacity } = prospect;
  const { startSeconds, startWithinSeconds } = prediction;
  switch (why) {
    case 'late': {
      const within = shown(startWithinSeconds + capacity.own.firstTokenSeconds);
      return `pool ${pool.name} is busy: the first token is predicted within ${within} at p${percentile}, and is to come within ${shown(terms.aimSeconds ?? 0)} (target x performance_buffer); come again after retry-after, allow a lower level (relegate: true), or ask for one`;
    }
    case 'deadline': {
      const deadlineSeconds = terms.deadlineSeconds ?? 0;
      if (deadlineSeconds <= 0)
        return 'deadline_ms: it was over before the request could start; give it more time';
      const after = shown(startSeconds - deadlineSeconds);
      return Number.isFinite(startSeconds)
        ? `deadline_ms: the request would start in ${shown(startSeconds)}, ${after} after it; give it more time, or come again after retry-after`
        : 'deadline_ms: when the request would start cannot be told; give it more time';
    }
    case 'full':
      return `pool ${pool.name} has no worker ready and its waiting room is full (admission.waiting_room ${pool.admission.waitingRoom}); come again after retry-after`;
  }
}

function shown(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'no time that can be told';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`;
}
