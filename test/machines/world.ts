import type { PlannerEvent } from '../../machines/planner-types.js';
import type { PoolObservation } from '../../src/contract/observation.js';
import type { ScaleOrder } from '../../src/contract/scale.js';
import type { TransitionRecord } from '../../src/contract/transition.js';
import { freshMemory } from '../../src/planning/memory.js';
import type { CapacityFacts, PoolPolicy } from '../../src/planning/policy.js';
import { NONE } from '../../src/planning/replicas.js';
import { beginning, type PlannerSnapshot } from '../../src/scheduler/planner-loop/snapshot.js';
import { type Step, step, tick } from '../../src/scheduler/planner-loop/step.js';
import { facts, observation, T } from '../planning/support.js';

type Seen = NonNullable<Parameters<typeof observation>[0]>;

/**
 * A pool in virtual time: an allocator that answers orders and workers that take a cold start to come and a while to
 * drain, around the real decision code and the real machine.
 */
export class World {
  now = T;
  planner: PlannerSnapshot;
  records: TransitionRecord[] = [];
  /** As kept: the records, and every plan of the slow loop. */
  decisions: TransitionRecord[] = [];
  /** GPUs' worth of workers that the inventory has for this pool. */
  stock = 99;
  allocatorWorks = true;
  coldStartSeconds = 10;
  drainSeconds = 3;
  grant: PoolObservation['grant'] = null;
  #workers: { role: 'prefill' | 'decode'; readyAt: number; goneAt: number | null }[] = [];

  constructor(
    readonly policy: PoolPolicy,
    readonly facts_: CapacityFacts = facts,
  ) {
    this.planner = beginning('p', freshMemory(NONE, 0, T), 0, T);
  }

  get state() {
    return this.planner.state;
  }

  get desired() {
    return this.planner.memory.desired.decode;
  }

  get orders(): ScaleOrder[] {
    return this.records.flatMap(({ order }) => (order === null ? [] : [order]));
  }

  get visited(): string[] {
    return [...new Set(this.records.map(({ to }) => to))];
  }

  observe(seen: Seen = {}): PoolObservation {
    const all = this.#workers.filter(({ goneAt }) => goneAt === null || goneAt > this.now);
    this.#workers = all;
    const count = (role: string, test: (w: { readyAt: number; goneAt: number | null }) => boolean) =>
      all.filter((w) => w.role === role && test(w)).length;
    return observation({
      at: this.now,
      ready: count('decode', (w) => w.goneAt === null && w.readyAt <= this.now),
      readyPrefill: count('prefill', (w) => w.goneAt === null && w.readyAt <= this.now),
      starting: count('decode', (w) => w.goneAt === null && w.readyAt > this.now),
      draining: count('decode', (w) => w.goneAt !== null),
      grant: this.grant,
      coldStart: this.coldStartSeconds,
      ...seen,
    });
  }

  /** One fast interval: the allocator acts, the planner looks. */
  tick(seen: Seen = {}): Step {
    this.now += this.policy.fastIntervalSeconds * 1000;
    this.#allocate();
    const { order } = this.planner.memory;
    if (order !== null && this.grant !== null && this.grant.generation >= order.generation)
      this.feed({ type: 'ORDER_CONFIRMED', now: this.now, generation: this.grant.generation });
    return this.#take(
      tick(this.planner, {
        observation: this.observe(seen),
        policy: this.policy,
        facts: this.facts_,
        now: this.now,
      }),
    );
  }

  /** Ticks until the state is reached. Throws after `seconds`. */
  until(state: string, seen: Seen = {}, seconds = 120): void {
    for (let waited = 0; this.state !== state; waited += this.policy.fastIntervalSeconds) {
      if (waited > seconds)
        throw new Error(`${this.state}, not ${state}, after ${seconds} s: ${this.planner.why}`);
      this.tick(seen);
    }
  }

  run(seconds: number, seen: Seen = {}): void {
    for (let t = 0; t < seconds; t += this.policy.fastIntervalSeconds) this.tick(seen);
  }

  feed(event: PlannerEvent): Step {
    return this.#take(step(this.planner, event));
  }

  #take(result: Step): Step {
    this.planner = result.snapshot;
    if (result.record !== null) this.records.push(result.record);
    if (result.decision !== null) this.decisions.push(result.decision);
    return result;
  }

  /** Applies the newest order: starts what is missing, takes drains back first, drains what is too much. */
  #allocate(): void {
    const { order } = this.planner.memory;
    if (!this.allocatorWorks) return;
    if (order !== null && order.generation > (this.grant?.generation ?? 0)) {
      const { generation, prefill, decode } = order;
      const grant = { prefill: Math.min(prefill, this.stock), decode: Math.min(decode, this.stock) };
      const shortage = decode > this.stock ? ('inventory' as const) : ('none' as const);
      this.grant = { generation, ...grant, shortage };
    }
    if (this.grant === null) return;
    for (const role of ['prefill', 'decode'] as const) {
      const mine = this.#workers.filter((w) => w.role === role);
      const kept = mine.filter((w) => w.goneAt === null);
      for (let n = kept.length; n < this.grant[role]; n++) {
        const draining = mine.find((w) => w.goneAt !== null && w.goneAt > this.now);
        if (draining) draining.goneAt = null;
        else this.#workers.push({ role, readyAt: this.now + this.coldStartSeconds * 1000, goneAt: null });
      }
      for (const worker of kept.slice(this.grant[role])) worker.goneAt = this.now + this.drainSeconds * 1000;
    }
  }
}
