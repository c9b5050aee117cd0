import type { Logger } from 'pino';
import type { PlannerEvent } from '../../../machines/planner-types.js';
import { unreachable } from '../../contract/errors.js';
import type { PoolObservation } from '../../contract/observation.js';
import type { OperatorCommand, PlannerState, TransitionRecord } from '../../contract/transition.js';
import type { Outlook } from '../../planning/outlook.js';
import type { PlanNumbers } from '../../planning/plan.js';
import type { PoolPolicy } from '../../planning/policy.js';
import type { Inspection, SeenEvent } from './inspection.js';
import type { PlannerMind } from './mind.js';
import type { Outbox } from './outbox.js';
import type { PlannerSnapshot } from './snapshot.js';
import { type Step, step, tick } from './step.js';
import type { PlannerStore } from './store.js';

/** What the planner has learned of its load is written down so often: a restart forgets at most so much. */
const MIND_SAVED_MS = 10_000;

/** What a loop asks of a planner's mind. */
type Mind = Pick<PlannerMind, 'look' | 'save'>;

/** What a loop works with; the edges of the process. */
export interface LoopParts {
  policy: PoolPolicy;
  store: Pick<PlannerStore, 'hold' | 'release' | 'commands' | 'commit' | 'saveMind' | 'saveOutlook'>;
  outbox: Pick<Outbox, 'send' | 'failure'>;
  observe(nowMs: number): Promise<PoolObservation>;
  /** Where to begin, asked for once the right to act is held. */
  restore(nowMs: number): Promise<{ snapshot: PlannerSnapshot; restored: boolean; mind: Mind }>;
  /** Shows that the planner lives, with the numbers of its last plan and what an operator told it. */
  beat(snapshot: PlannerSnapshot, nowMs: number, numbers: PlanNumbers): Promise<void>;
  clock(): number;
  /** Takes how long a round was, seconds; absent: nobody asks. */
  timed?: ((seconds: number) => void) | undefined;
  log: Logger;
  /** Who watches; undefined: nobody. */
  inspection?: Pick<Inspection, 'see'> | undefined;
}

/**
 * Drives one pool's planner: every fast interval observe, decide, let the machine take it, persist, and only then
 * act. While Redis does not answer, one round waits for it and the planner in memory goes blind; what there is to
 * publish is kept until it can be.
 */
export class PlannerLoop {
  #snapshot: PlannerSnapshot | null = null;
  #mind: Mind | null = null;
  #outOfReach = false;
  #numbers: PlanNumbers = {};
  #mindSavedAtMs = 0;
  /** A forecast that was made and not shown yet. */
  #outlook: Outlook | null = null;
  #unpublished: TransitionRecord[] = [];
  #decisions: TransitionRecord[] = [];
  #round: { sinceMs: number; ended: Promise<void> } | null = null;
  #timer: NodeJS.Timeout | undefined;
  #away = false;
  #waiting = false;

  constructor(private readonly parts: LoopParts) {}

  start(): void {
    this.#timer = setInterval(() => void this.turn(), this.parts.policy.fastIntervalSeconds * 1000);
    void this.turn();
  }

  /** Ends after the round under way and gives the right to act back. True: this planner had it. */
  async stop(): Promise<boolean> {
    clearInterval(this.#timer);
    await this.#round?.ended;
    const acted = this.#snapshot !== null;
    this.#snapshot = null;
    if (acted) await this.parts.store.release();
    return acted;
  }

  get state(): PlannerState | null {
    return this.#snapshot?.state ?? null;
  }

  /** One round; a round that is still under way is not overtaken. Never rejects. */
  async turn(): Promise<void> {
    const nowMs = this.parts.clock();
    if (this.#round !== null) {
      if (nowMs - this.#round.sinceMs > this.parts.policy.telemetryStaleSeconds * 1000) this.#goBlind(nowMs);
      return;
    }
    const beganMs = performance.now();
    const ended = this.#guardedWork();
    this.#round = { sinceMs: nowMs, ended };
    await ended;
    this.#round = null;
    this.parts.timed?.((performance.now() - beganMs) / 1000);
  }

  async #guardedWork(): Promise<void> {
    try {
      await this.#work();
      if (this.#away) this.parts.log.info({ pool: this.parts.policy.pool }, 'Redis answers again');
      this.#away = false;
    } catch (error) {
      this.#goBlind(this.parts.clock(), error);
    }
  }

  async #work(): Promise<void> {
    const { parts } = this;
    if (this.#snapshot === null && !(await this.#begin())) return;
    const observation = await parts.observe(parts.clock());
    const commands = await parts.store.commands();
    const pending = this.#snapshot?.memory.order ?? null;
    const applied = observation.grant?.generation ?? 0;
    const error =
      pending !== null && applied < pending.generation ? await parts.outbox.failure(pending) : null;

    const now = parts.clock();
    if (pending !== null && applied >= pending.generation)
      this.#feed({ type: 'ORDER_CONFIRMED', now, generation: applied });
    else if (pending !== null && error !== null)
      this.#feed({ type: 'ORDER_FAILED', now, generation: pending.generation, error });
    for (const command of commands) this.#obey(command, now);
    this.#tick(observation, now);
    await this.#commitAndAct(commands.length);
    if (this.#outlook !== null) await parts.store.saveOutlook(this.#outlook, now);
    this.#outlook = null;
    if (this.#mind === null || now - this.#mindSavedAtMs < MIND_SAVED_MS) return;
    this.#mindSavedAtMs = now;
    await parts.store.saveMind(this.#mind.save());
  }

  /** Takes the right to act and the planner's past. False: another planner acts. */
  async #begin(): Promise<boolean> {
    const { parts } = this;
    const { pool } = parts.policy;
    if (!(await parts.store.hold())) {
      if (!this.#waiting) parts.log.info({ pool }, 'another planner acts for this pool: waiting');
      this.#waiting = true;
      return false;
    }
    this.#waiting = false;
    const now = parts.clock();
    const { snapshot, restored, mind } = await parts.restore(now);
    this.#mind = mind;
    this.#unpublished = [];
    this.#decisions = [];
    this.#snapshot = snapshot;
    const { state, memory } = snapshot;
    parts.log.info({ pool, state, generation: memory.generation, restored }, 'planner acts');
    if (restored) this.#feed({ type: 'RESTORED', now });
    return true;
  }

  async #commitAndAct(commandsTaken: number): Promise<void> {
    const { parts } = this;
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    const records = [...this.#unpublished];
    const decisions = [...this.#decisions];
    if (!(await parts.store.commit(snapshot, records, commandsTaken, decisions))) {
      parts.log.warn({ pool: parts.policy.pool }, 'another planner has acted meanwhile: giving way');
      this.#snapshot = null;
      return;
    }
    this.#unpublished = this.#unpublished.slice(records.length);
    this.#decisions = this.#decisions.slice(decisions.length);
    const { order } = snapshot.memory;
    if (order !== null) await parts.outbox.send(order);
    await parts.beat(snapshot, parts.clock(), this.#numbers);
  }

  #obey(command: OperatorCommand | null, now: number): void {
    if (command === null) {
      this.parts.log.warn(
        { pool: this.parts.policy.pool },
        'dropped an operator command that cannot be read',
      );
      return;
    }
    this.#feed(eventOf(command, now));
  }

  #feed(event: PlannerEvent): void {
    this.#take(event, (before) => step(before, event));
  }

  #take(event: SeenEvent, next: (before: PlannerSnapshot) => Step): void {
    if (this.#snapshot === null) return;
    const taken = next(this.#snapshot);
    const { snapshot, record, decision, numbers } = taken;
    this.#snapshot = snapshot;
    if (numbers !== undefined) this.#numbers = numbers;
    if (this.parts.inspection !== undefined) this.parts.inspection.see(event, taken);
    if (decision !== null) this.#decisions.push(decision);
    if (record === null) return;
    this.#unpublished.push(record);
    const { pool, sequence, from, to, order, observation } = record;
    // The decision's id is that of its record: `sluice explain` and the page find it by that.
    const ids = { decision: `${pool}:${sequence}`, observation: observation?.id };
    this.parts.log.info(
      { pool, ...ids, from, to, event: record.event, generation: order?.generation },
      record.reason,
    );
  }

  #goBlind(now: number, error?: unknown): void {
    const { log, policy } = this.parts;
    if (!this.#away)
      log.error(
        { pool: policy.pool, err: error },
        'no answer from Redis, or a refusal: holding the last good plan',
      );
    this.#away = true;
    if (this.#snapshot?.state === 'degraded' || this.#snapshot?.state === 'paused') return;
    this.#tick(null, now);
  }

  /** Once each time that the lengths of requests put the promise out of reach, or back in it. */
  #tellPromise(infeasible: string | undefined): void {
    const { log, policy } = this.parts;
    if (infeasible !== undefined && !this.#outOfReach)
      log.warn({ pool: policy.pool, why: infeasible }, 'promise out of reach');
    if (infeasible === undefined && this.#outOfReach)
      log.info({ pool: policy.pool }, 'promise in reach again');
    this.#outOfReach = infeasible !== undefined;
  }

  #tick(observation: PoolObservation | null, now: number): void {
    const { policy } = this.parts;
    this.#take({ type: 'TICK', now }, (before) => {
      const known = this.#mind?.look(observation, before.memory, now);
      if (known?.outlook != null && known.outlook.leads.length > 0) this.#outlook = known.outlook;
      if (known !== undefined) this.#tellPromise(known.facts.infeasible);
      return known === undefined
        ? { snapshot: before, record: null, decision: null }
        : tick(before, { observation, policy, ...known, now });
    });
  }
}

function eventOf(command: OperatorCommand, now: number): PlannerEvent {
  switch (command.type) {
    case 'pause':
      return { type: 'PAUSE', now };
    case 'resume':
      return { type: 'RESUME', now };
    case 'floor':
      return { type: 'SET_FLOOR', now, min: command.min };
    case 'advisory':
      return { type: 'SET_ADVISORY', now, on: command.on };
    default:
      return unreachable(command);
  }
}
