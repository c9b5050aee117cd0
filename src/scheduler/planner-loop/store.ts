import type { Redis } from 'ioredis';
import {
  type OperatorCommand,
  operatorCommandSchema,
  type TransitionRecord,
  transitionSchema,
} from '../../contract/transition.js';
import type { LoadWatchState } from '../../planning/load-watch.js';
import type { Outlook, StoredOutlook } from '../../planning/outlook.js';
import type { Keys } from '../../queues/keys.js';
import { luaScript } from '../../queues/script.js';
import { type PlannerSnapshot, snapshotSchema } from './snapshot.js';

const commitScript = luaScript(new URL('./lua/commit.lua', import.meta.url));
const holdScript = luaScript(new URL('./lua/hold.lua', import.meta.url));
const releaseScript = luaScript(new URL('./lua/release.lua', import.meta.url));

/** Unusable snapshots kept for a look. */
const SET_ASIDE_KEPT = 10;
const HOUR_MS = 3_600_000;

/** What Redis holds of one pool's planner: its right to act, snapshot, transitions and operator commands. */
export class PlannerStore {
  readonly #keys: string[];

  constructor(
    private readonly redis: Redis,
    private readonly names: Keys,
    private readonly pool: string,
    /** Id of this planner, unlike any other's. */
    private readonly owner: string,
    private readonly lockMs: number,
    /** Records of each kind, about, and how long both are kept. */
    private readonly kept: { transitions: number; decisions: number; hours: number },
  ) {
    this.#keys = [
      names.plannerLock(pool),
      names.plannerSnapshot(pool),
      names.transitions(pool),
      names.operator(pool),
      names.decisions(pool),
      names.plannerLast(pool),
    ];
  }

  /** Whether this planner may act now. */
  async hold(): Promise<boolean> {
    const keys = [this.names.plannerLock(this.pool), this.names.plannerLast(this.pool)];
    return (await holdScript(this.redis, keys, [this.owner, this.lockMs])) === 1;
  }

  async release(): Promise<void> {
    await releaseScript(this.redis, this.#keys.slice(0, 1), [this.owner]);
  }

  /** The stored snapshot; null: none. One that cannot be used is `problem`, and stays where it is. */
  async load(): Promise<{ snapshot: PlannerSnapshot | null; problem: string | null }> {
    const text = await this.redis.get(this.names.plannerSnapshot(this.pool));
    if (text === null) return { snapshot: null, problem: null };
    const parsed = snapshotSchema.safeParse(parseJson(text));
    if (parsed.success && parsed.data.pool === this.pool) return { snapshot: parsed.data, problem: null };
    const issue = parsed.error?.issues[0];
    const problem = issue ? `${issue.path.join('.') || 'text'}: ${issue.message}` : 'it is of another pool';
    return { snapshot: null, problem };
  }

  /** What the planner had learned of its load, unchecked; undefined: nothing, or not readable. */
  async loadMind(): Promise<unknown> {
    return parseJson((await this.redis.get(this.names.plannerMind(this.pool))) ?? '');
  }

  async saveMind(state: LoadWatchState): Promise<void> {
    await this.redis.set(this.names.plannerMind(this.pool), JSON.stringify(state));
  }

  /** Shows what the planner looks ahead to. */
  async saveOutlook(outlook: Outlook, nowMs: number): Promise<void> {
    const stored: StoredOutlook = { atMs: nowMs, outlook };
    await this.redis.set(this.names.plannerOutlook(this.pool), JSON.stringify(stored));
  }

  /** Moves the stored snapshot out of the way. Returns the key of the list that holds it now. */
  async setAside(): Promise<string> {
    const to = this.names.plannerSetAside(this.pool);
    const text = await this.redis.getdel(this.names.plannerSnapshot(this.pool));
    if (text !== null) await this.redis.lpush(to, text);
    await this.redis.ltrim(to, 0, SET_ASIDE_KEPT - 1);
    return to;
  }

  /** Sequence of the newest published transition; 0: none. */
  async lastSequence(): Promise<number> {
    const [newest] = await this.redis.xrevrange(this.names.transitions(this.pool), '+', '-', 'COUNT', 1);
    const parsed = transitionSchema.safeParse(parseJson(newest?.[1][1] ?? ''));
    return parsed.success ? parsed.data.sequence : 0;
  }

  /** Operator commands that wait, oldest first (null: not one that can be read), all to be taken by one commit. */
  async commands(): Promise<(OperatorCommand | null)[]> {
    const texts = await this.redis.lrange(this.names.operator(this.pool), 0, -1);
    return texts.map((text) => operatorCommandSchema.safeParse(parseJson(text)).data ?? null);
  }

  /** Persists snapshot and records and takes `commandsTaken`, as one. False: another planner has acted since `hold`. */
  async commit(
    snapshot: PlannerSnapshot,
    records: readonly TransitionRecord[],
    commandsTaken: number,
    decisions: readonly TransitionRecord[] = [],
  ): Promise<boolean> {
    const reply = await commitScript(this.redis, this.#keys, [
      this.owner,
      this.lockMs,
      JSON.stringify(snapshot),
      commandsTaken,
      this.kept.transitions,
      this.kept.decisions,
      Math.round(this.kept.hours * HOUR_MS),
      records.length,
      ...[...records, ...decisions].map((record) => JSON.stringify(record)),
    ]);
    return reply === 1;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
