import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { PeakScale, PeakScales } from '../capacity/peak.js';
import { poolCapacity } from '../capacity/sustainable.js';
import type { PoolEngine } from '../run/options.js';
import type { TimedRequest } from '../workload/arrivals.js';
import { mergeRequests } from '../workload/merge.js';
import type { OpenLoad } from './load.js';
import type { ScenarioFields } from './scenario-schema.js';

/** Requests whose lengths stand for all. */
const SAMPLE = 20_000;

/**
 * Solves `peak_of_capacity`: for each level that it names, its pool's capacity for the lengths of its requests, and what
 * brings the busiest minute of its expected rate to the wanted share. Errors: `invalid_config` for a level without
 * load or pool, a load of several levels, and a pool that cannot keep its promise at any rate.
 */
export function peaksOf(
  fields: ScenarioFields,
  file: string,
  parts: {
    config: Config;
    engines: Readonly<Record<string, PoolEngine>>;
    loads: readonly OpenLoad[];
    seed: number;
  },
): PeakScales {
  const { peak_of_capacity: wanted } = fields;
  if (wanted === undefined) return {};
  const fail = (what: string) => new SluiceError('invalid_config', `${file}: peak_of_capacity: ${what}`);
  if (parts.loads.some(({ level }) => level === undefined))
    throw fail('expected each load to have one level, got a trace without one');
  const levels = new Set(parts.loads.flatMap(({ level }) => level ?? []));
  const shares =
    typeof wanted === 'number'
      ? [...levels].map((level) => [level, wanted] as const)
      : Object.entries(wanted);
  const scales = shares.map(([level, ofCapacity]): [string, PeakScale] => {
    const loads = parts.loads.filter((load) => load.level === level);
    const pool = Object.values(parts.config.pools).find((one) => one.level === level);
    const engine = pool === undefined ? undefined : parts.engines[pool.name];
    if (pool === undefined || engine === undefined || loads.length === 0)
      throw fail(`expected a level with a pool and a load, got ${JSON.stringify(level)}`);
    const sample = first(mergeRequests(loads.map((load) => load.requests(1))), SAMPLE);
    const rates = loads.map((load) => load.minuteRates());
    const minutes = Math.max(...rates.map((rate) => rate.length));
    let peak = 0;
    for (let k = 0; k < minutes; k++)
      peak = Math.max(
        peak,
        rates.reduce((sum, rate) => sum + (rate[k] ?? 0), 0),
      );
    if (sample.length === 0 || peak === 0) throw fail(`expected requests of level ${level}, got none`);
    const capacity = poolCapacity({
      config: parts.config,
      pool: pool.name,
      engine,
      sample,
      seed: parts.seed,
    });
    if (capacity.sustainableRps === 0)
      throw fail(
        `pool ${pool.name} cannot keep its promise for these requests at any rate; raise its targets or its tensor parallelism`,
      );
    const peakRps = ofCapacity * capacity.sustainableRps;
    return [level, { ...capacity, pool: pool.name, ofCapacity, peakRps, scale: peakRps / peak }];
  });
  return Object.fromEntries(scales);
}

function first(requests: Iterable<TimedRequest>, count: number): TimedRequest[] {
  const taken: TimedRequest[] = [];
  for (const request of requests) {
    taken.push(request);
    if (taken.length >= count) break;
  }
  return taken;
}
