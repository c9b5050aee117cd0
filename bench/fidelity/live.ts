import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { recordsOf } from '../../src/cli/explain/command.js';
import { measureLoad } from '../../src/cli/report/session.js';
import { openSystem } from '../../src/cli/system.js';
import type { Config } from '../../src/config/types.js';
import type { TransitionRecord } from '../../src/contract/transition.js';
import type { RequestRecord } from '../../src/simulator/load/record.js';
import type { Arrival } from '../../src/simulator/workload/arrivals.js';
import { type Ended, type Side, sideOf } from './side.js';

export interface LiveRun {
  side: Side;
  /** Of the requests that were sent one by one before the load, seconds. */
  probeTtfts: number[];
  /** From the first of them to the load's begin, seconds. */
  probeSeconds: number;
  /** From lease to ready as the planners measured it, by pool; absent: no worker was measured. */
  coldStarts: Record<string, number>;
  /** Most that the driver was late with a request, seconds. */
  lateSeconds: number;
  /** What the planners decided, by pool. */
  decisions: Record<string, TransitionRecord[]>;
}

/** Between the probe and the load, so that neither meets the other, seconds. */
const PAUSE_SECONDS = 5;

/** A whole system of its own (Redis, processes, wall clock): the probe, a pause, then the load. */
export async function liveRun(
  config: Config,
  probe: readonly Arrival[],
  load: readonly Arrival[],
  note: (line: string) => void,
): Promise<LiveRun> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-fidelity-'));
  const system = await openSystem({ config, dataDir, log: note });
  try {
    const measure = (arrivals: readonly Arrival[]) =>
      measureLoad({ config, redisUrl: system.redisUrl, arrivals, note });
    const probed = await measure(probe);
    await sleep(PAUSE_SECONDS * 1000);
    const { load: run } = await measure(load);
    const orders: Record<string, { atSeconds: number; workers: number }[]> = {};
    const coldStarts: Record<string, number> = {};
    const decisions: LiveRun['decisions'] = {};
    for (const pool of Object.keys(config.pools)) {
      const which = { count: Number.POSITIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };
      const records = await recordsOf(config, system.redisUrl, pool, which);
      decisions[pool] = records;
      orders[pool] = records.flatMap((record) => orderOf(record, run.startedAtMs));
      const measured = records.findLast(({ observation }) => observation?.coldStartSeconds != null);
      const coldStart = measured?.observation?.coldStartSeconds;
      if (coldStart != null) coldStarts[pool] = coldStart;
    }
    return {
      side: sideOf(run.records.map(endedOf), orders),
      probeTtfts: probed.load.records.flatMap(({ ttftSeconds }) => ttftSeconds ?? []),
      probeSeconds: (run.startedAtMs - probed.load.startedAtMs) / 1000,
      coldStarts,
      lateSeconds: run.lateSeconds,
      decisions,
    };
  } finally {
    await system.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

function orderOf({ atMs, order }: TransitionRecord, beginMs: number) {
  if (order === null) return [];
  return [{ atSeconds: (atMs - beginMs) / 1000, workers: order.prefill + order.decode }];
}

function endedOf({ pool, end, ttftSeconds, acceptedAtMs, endedAtMs, attained }: RequestRecord): Ended {
  const done = end === 'completed' && acceptedAtMs !== null && endedAtMs !== null;
  return {
    pool: pool ?? '',
    ttftSeconds: done ? ttftSeconds : null,
    endToEndSeconds: done ? (endedAtMs - acceptedAtMs) / 1000 : null,
    attained,
  };
}
