import type { ReplicaStatus } from '../contract/status.js';
import { rounded } from './rounded.js';
import type { Forecast, PoolSample, Sample, View } from './view.js';
import { watched } from './watched.js';

/** What of a view is kept for the time lines. */
export function sampleOf({ status, forecasts }: View): Sample {
  const pools = status.pools.map((pool): [string, PoolSample] => [
    pool.name,
    {
      s: pool.planner.state,
      in: pool.arrivalsPerSecond,
      run: pool.queue.running,
      wait: pool.queue.waiting,
      ready: both(pool.workers.ready),
      want: pool.workers.desired === null ? null : both(pool.workers.desired),
      gpus: pool.gpus.length,
      ttft: watched(pool, pool.minute.ttftSeconds),
      itl: watched(pool, pool.minute.itlSeconds),
      att: pool.minute.attainment,
      f: furthest(forecasts[pool.name] ?? null),
      w: Object.fromEntries(pool.workers.each.map((worker) => [worker.id, worker.state])),
    },
  ]);
  return rounded({ t: status.atMs, p: Object.fromEntries(pools) });
}

function both({ prefill, decode }: ReplicaStatus): number {
  return prefill + decode;
}

function furthest(forecast: Forecast | null): PoolSample['f'] {
  const last = forecast?.leads.at(-1);
  return last === undefined ? null : [last.seconds, last.low, last.middle, last.high];
}
