import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { z } from 'zod';
import { policyOf } from '../../src/planning/policy.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { startRedis } from '../../src/queues/provision/server.js';
import { Inspection } from '../../src/scheduler/planner-loop/inspection.js';
import { PlannerLoop } from '../../src/scheduler/planner-loop/loop.js';
import { PlannerMind } from '../../src/scheduler/planner-loop/mind.js';
import { Outbox } from '../../src/scheduler/planner-loop/outbox.js';
import { restorePlanner } from '../../src/scheduler/planner-loop/restore.js';
import { PlannerStore } from '../../src/scheduler/planner-loop/store.js';
import { collectObservation } from '../../src/telemetry/observe.js';
import { type PlannerCase, planConfig } from '../planner/cases.js';
import { observations, type Seen } from '../planner/observe.js';
import { type Spread, spread } from '../support/stats.js';

/** Planner rounds, not shown to an inspector and shown to one that is connected; CPU ms of the planner's process. */
export interface InspectionFigures {
  rounds: number;
  off: Spread;
  on: Spread;
  /** on / off - 1, by block of rounds. */
  onShare: Spread;
  /**
   * The same of a second planner that is not shown, round by round: what it costs to have the switch. It allocates what the
   * first does, so that a round in which garbage is collected, which a block's mean would show, says nothing of it.
   */
  offShare: Spread;
  /** That the inspector heard. */
  messages: number;
}

const CASE: PlannerCase = {
  name: 'inspected',
  workers: 8,
  predictor: 'arima',
  pools: 1,
  pastSeconds: 1_800,
  measuredSeconds: 32_400,
};
/** One block: nine hours have 270 of them. */
const BLOCK_ROUNDS = 60;

const heardSchema = z.object({ url: z.string(), messages: z.number() });

/**
 * Three planners follow the same nine hours of one simulated pool round by round, in turn: two that are not shown to an inspector
 * and one that is. A round is the live loop's with a real Redis: it reads the pool's telemetry there (of a pool without
 * workers; what is decided on is the recorded observation), decides, writes down and orders. Errors: those of Redis.
 */
export async function inspectionCost(note: (line: string) => void): Promise<InspectionFigures> {
  note('planner rounds with the inspector off and on');
  const { seen, profile, tp } = observations(CASE, 1);
  const config = planConfig(CASE);
  const pool = config.pools.medium;
  const policy = policyOf(config, pool, tp);
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const server = await startRedis({ dataDir, log: note });
  const watcher = fork(fileURLToPath(new URL('./watcher.js', import.meta.url)));
  const log = pino({ level: 'silent' });
  const closing: (() => void)[] = [];
  let at: Seen | undefined;

  function planner(id: string, inspect: string | null): PlannerLoop {
    const keys = new Keys(`bench-${id}`);
    const redis = connect(server.url, 'plain');
    const producer = connect(server.url, 'producer');
    const queues = new PoolQueues(pool.name, keys, producer);
    const outbox = new Outbox(producer, keys, pool.priority);
    const store = new PlannerStore(redis, keys, pool.name, id, 600_000, {
      transitions: config.planner.transitionsKept,
      decisions: config.planner.decisionsKept,
      hours: config.planner.historyKeptHours,
    });
    const inspection = inspect === null ? undefined : new Inspection(inspect, id, pool.name, log);
    closing.push(() => {
      inspection?.close();
      redis.disconnect();
      producer.disconnect();
    });
    return new PlannerLoop({
      policy,
      store,
      outbox,
      observe: async (nowMs) => {
        const own = await collectObservation(redis, keys, pool, config, nowMs, queues);
        return at?.observation ?? own;
      },
      restore: async (nowMs) => ({
        ...(await restorePlanner(pool.name, { redis, keys, store, outbox, log }, nowMs)),
        mind: new PlannerMind(pool, policy, profile),
      }),
      beat: async ({ state }, atMs) => {
        await redis.hset(keys.roles(), `planner-${pool.name}`, JSON.stringify({ id, state, atMs }));
      },
      clock: () => at?.now ?? 0,
      log,
      inspection,
    });
  }

  try {
    const { url } = await heard(watcher);
    const loops = [planner('off', null), planner('on', url), planner('off-too', null)];
    const past = seen.filter(({ now }) => now < (seen[0]?.now ?? 0) + CASE.pastSeconds * 1000);
    const times: number[][] = loops.map(() => []);
    for (const [round, one] of seen.entries()) {
      at = one;
      // The one that goes first changes with each round.
      for (let k = 0; k < loops.length; k++) {
        const which = (round + k) % loops.length;
        const ms = await timed(loops[which]);
        if (round >= past.length) times[which]?.push(ms);
      }
    }
    const { messages } = await heard(watcher, true);
    for (const loop of loops) await loop.stop();
    const [off = [], on = []] = times.map(blocks);
    const [each = [], , eachToo = []] = times;
    return {
      rounds: seen.length - past.length,
      off: spread(off),
      on: spread(on),
      onShare: spread(on.map((ms, k) => ms / (off[k] ?? Number.NaN) - 1)),
      offShare: spread(eachToo.map((ms, k) => ms / (each[k] ?? Number.NaN) - 1)),
      messages,
    };
  } finally {
    for (const close of closing) close();
    watcher.disconnect();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** CPU ms of this process for one round, with what it has sent by then. */
async function timed(loop: PlannerLoop | undefined): Promise<number> {
  const before = process.cpuUsage();
  await loop?.turn();
  // A socket is written to after the round.
  await setImmediate();
  await setImmediate();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Mean of each block. */
function blocks(ms: readonly number[]): number[] {
  return Array.from({ length: Math.floor(ms.length / BLOCK_ROUNDS) }, (_, k) => {
    const block = ms.slice(k * BLOCK_ROUNDS, (k + 1) * BLOCK_ROUNDS);
    return block.reduce((sum, one) => sum + one, 0) / block.length;
  });
}

function heard(watcher: ChildProcess, ask = false): Promise<z.output<typeof heardSchema>> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('the process with the inspector ended'));
    watcher.once('exit', ended);
    watcher.once('message', (message) => {
      watcher.off('exit', ended);
      resolve(heardSchema.parse(message));
    });
    if (ask) watcher.send('?');
  });
}
