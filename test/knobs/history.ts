import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import type { TransitionRecord } from '../../src/contract/transition.js';
import { readAudit, writeAudit } from '../../src/dashboard/audit.js';
import { keepSample, readSamples } from '../../src/dashboard/history.js';
import { freshMemory } from '../../src/planning/memory.js';
import { beginning } from '../../src/scheduler/planner-loop/snapshot.js';
import { PlannerStore } from '../../src/scheduler/planner-loop/store.js';
import { type Knob, knob, type Room } from './knob.js';
import { emptyRedis } from './redis.js';

const HOUR_MS = 3_600_000;

/** What Redis keeps of what happened, by count and by age. */
export const HISTORY: Knob[] = [
  knob('planner.decisions_kept', {
    says: 'the stream of decision records is cut to about so many',
    to: 10,
    see: (config, room) => recordsKept(config, room, 'decisions'),
    show: (before, after) => {
      expect(before).toBe(601);
      expect(after).toBeLessThan(300);
    },
  }),
  knob('planner.transitions_kept', {
    says: 'a stream of 600 transitions keeps about the newest ten, where it may not keep 10,000',
    to: 10,
    see: (config, room) => recordsKept(config, room, 'transitions'),
    show: (before, after) => {
      expect(before).toBe(601);
      // Redis trims whole nodes of its stream.
      expect(after).toBeGreaterThanOrEqual(10);
      expect(after).toBeLessThan(200);
    },
  }),
  knob('planner.history_kept_hours', {
    says: 'a transition and a decision of two hours ago are removed where one hour is kept',
    to: 1,
    see: async (config, room) => [
      await recordsKept(config, room, 'transitions', 20),
      await recordsKept(config, room, 'decisions', 20),
    ],
    show: (before, after) =>
      expect([before, after]).toEqual([
        [21, 21],
        [20, 20],
      ]),
  }),
  knob('dashboard.samples_kept', {
    says: 'of 600 samples about the newest ten stay',
    to: 10,
    see: (config, room) => samplesKept(config, room, 600),
    show: (before, after) => {
      expect(before).toBe(601);
      // Redis trims whole nodes of its stream.
      expect(after).toBeGreaterThanOrEqual(10);
      expect(after).toBeLessThan(200);
    },
  }),
  knob('dashboard.samples_kept_seconds', {
    says: 'a sample of half an hour ago is removed where ten minutes are kept',
    to: 600,
    see: (config, room) => samplesKept(config, room, 1),
    show: (before, after) => expect([before, after]).toEqual([2, 1]),
  }),
  knob('dashboard.audit_kept', {
    says: 'of five entries of the audit log the newest two stay',
    to: 2,
    see: (config, room) => auditKept(config, room, [0, 1, 2, 3, 4]),
    show: (before, after) =>
      expect([before, after]).toEqual([
        ['0', '1', '2', '3', '4'],
        ['3', '4'],
      ]),
  }),
  knob('dashboard.audit_kept_days', {
    says: 'entries of more than a day before the newest one are removed',
    to: 1,
    see: (config, room) => auditKept(config, room, [0, 12, 24, 47]),
    show: (before, after) =>
      expect([before, after]).toEqual([
        ['0', '12', '24', '47'],
        ['24', '47'],
      ]),
  }),
];

async function recordsKept(
  config: Config,
  room: Room,
  stream: 'transitions' | 'decisions',
  number = 600,
): Promise<number> {
  const { redis, keys } = await emptyRedis(config, room);
  // One of two hours ago, as Redis counts time.
  await redis.xadd(keys[stream]('p'), `${Date.now() - 2 * HOUR_MS}-0`, 'record', '{}');
  const store = new PlannerStore(redis, keys, 'p', 'a planner', 60_000, {
    transitions: config.planner.transitionsKept,
    decisions: config.planner.decisionsKept,
    hours: config.planner.historyKeptHours,
  });
  const memory = freshMemory({ prefill: 0, decode: 1 }, 1, 0);
  const snapshot = beginning('p', memory, 0, 0);
  const record = (sequence: number): TransitionRecord => ({
    pool: 'p',
    sequence,
    atMs: 0,
    from: 'steady',
    to: 'steady',
    event: 'TICK',
    reason: 'as long as a reason is: 12.5 requests/s forecast within 18 s need 3',
    numbers: {},
    order: null,
    observation: null,
    basis: { memory, facts: null, event: {} },
  });
  for (let at = 0; at < number; at += 20) {
    const records = Array.from({ length: 20 }, (_, k) => record(at + k));
    await store.commit(snapshot, records, 0, records);
  }
  return redis.xlen(keys[stream]('p'));
}

async function samplesKept(config: Config, room: Room, number: number): Promise<number> {
  const { redis, keys } = await emptyRedis(config, room);
  await redis.xadd(keys.dashboard('history'), `${Date.now() - HOUR_MS / 2}-0`, 'sample', '{}');
  for (let k = 0; k < number; k++) {
    await keepSample(redis, keys, { t: k, p: {} }, config.dashboard);
    // The next one comes only two seconds later.
    await redis.del(keys.dashboard('turn'));
  }
  return (await readSamples(redis, keys)).length;
}

/** What of entries at these hours is left. */
async function auditKept(config: Config, room: Room, hours: readonly number[]): Promise<string[]> {
  const { redis, keys } = await emptyRedis(config, room);
  const nowMs = Date.now();
  for (const hour of hours) {
    const entry = { atMs: nowMs + hour * HOUR_MS, who: 'local', what: String(hour), outcome: 'done' };
    await writeAudit(redis, keys, config.dashboard, entry);
  }
  return (await readAudit(redis, keys)).map(({ what }) => what);
}
