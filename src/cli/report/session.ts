import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { longestColdStart } from '../../config/cold-start.js';
import type { Config } from '../../config/types.js';
import type { RunReport } from '../../contract/report.js';
import { heartbeatSchema } from '../../contract/worker.js';
import { connect } from '../../queues/connection.js';
import { Keys } from '../../queues/keys.js';
import { SluiceClient } from '../../scheduler/client.js';
import { type LoadOptions, type LoadResult, runLoad } from '../../simulator/load/run-load.js';
import type { Arrival } from '../../simulator/workload/arrivals.js';
import { buildReport } from './build.js';
import type { ShownRun } from './html/run-page.js';
import { LiveSeries } from './live-series.js';
import { RunWatch } from './watch.js';

export interface MeasuredRun {
  report: RunReport;
  load: LoadResult;
  /** How the run went in time, where it was asked for. */
  drawn: Pick<ShownRun, 'series' | 'planners' | 'startedAtMs'> | null;
}

export interface MeasureOptions
  extends Pick<LoadOptions, 'onProgress' | 'progressSeconds' | 'signal' | 'graceSeconds'> {
  config: Config;
  redisUrl: string;
  arrivals: readonly Arrival[];
  /** Watch the run, so that it can be drawn. */
  draw?: boolean;
  /** Called when the load is about to start, and when it has ended while Redis can still be read. */
  onStart?: (redis: Redis, keys: Keys) => void;
  onEnd?: () => Promise<void> | undefined;
  /** Something worth a line for the user. */
  note: (line: string) => void;
}

/** Runs a load against a running system and reports it. The pools' floors are ready before the first request. */
export async function measureLoad(options: MeasureOptions): Promise<MeasuredRun> {
  const { config, redisUrl, arrivals, signal } = options;
  const keys = new Keys(config.namespace);
  const redis = connect(redisUrl, 'plain');
  let client: SluiceClient | undefined;
  let watch: RunWatch | undefined;
  const live = options.draw === true ? new LiveSeries(redis, keys, config) : null;
  try {
    client = await SluiceClient.open(config, redisUrl);
    await waitForFloors(options, redis, keys);
    watch = await RunWatch.start(redis, keys, config);
    live?.start();
    options.onStart?.(redis, keys);
    const runId = `run${Date.now().toString(36)}`;
    const { onProgress, progressSeconds, graceSeconds } = options;
    const load = await runLoad({
      client,
      arrivals,
      runId,
      ...(onProgress ? { onProgress } : {}),
      ...(progressSeconds === undefined ? {} : { progressSeconds }),
      ...(graceSeconds === undefined ? {} : { graceSeconds }),
      ...(signal ? { signal } : {}),
    });
    const figures = await watch.stop();
    await live?.stop();
    await options.onEnd?.();
    const wallSeconds = (load.endedAtMs - load.startedAtMs) / 1000;
    const drawn =
      live === null
        ? null
        : { series: live.rows(load), planners: figures.pools, startedAtMs: load.startedAtMs };
    const report = buildReport(config, load.records, figures, wallSeconds, load.aborted);
    return { report, load, drawn };
  } finally {
    watch?.abandon();
    await live?.stop();
    await client?.close();
    redis.disconnect();
  }
}

/** Waits until each pool has as many ready workers as its floor; after cold start and a minute it goes on without. */
async function waitForFloors(options: MeasureOptions, redis: Redis, keys: Keys): Promise<void> {
  const { config, signal, note } = options;
  const pools = Object.values(config.pools).filter((pool) => pool.minWorkers > 0);
  const giveUpAtMs = Date.now() + (longestColdStart(pools) + 60) * 1000;
  const missing = new Set(pools);
  for (let told = false; signal?.aborted !== true; ) {
    for (const pool of missing) {
      const beats = await redis.hvals(keys.heartbeats(pool.name));
      if (beats.filter(isReadyServer).length >= pool.minWorkers) missing.delete(pool);
    }
    if (missing.size === 0) return;
    const names = [...missing].map((pool) => pool.name).join(', ');
    if (Date.now() > giveUpAtMs) {
      note(`pools without their floor of ready workers: ${names}; starting the load all the same`);
      return;
    }
    if (!told) note(`waiting for the floor of ready workers of: ${names}`);
    told = true;
    await sleep(200);
  }
}

function isReadyServer(text: string): boolean {
  try {
    const beat = heartbeatSchema.safeParse(JSON.parse(text));
    return beat.success && beat.data.role === 'vllm' && beat.data.state === 'ready';
  } catch {
    return false;
  }
}
