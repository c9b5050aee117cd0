import { longestColdStart } from '../../config/cold-start.js';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { explainFeasibility, poolQuestion } from '../../planning/feasibility/pool.js';
import { busiest, cut, MinuteCounts } from '../../simulator/plan/busiest.js';
import { type FleetOutcome, type PoolPlan, planPool, workersOf } from '../../simulator/plan/fleets.js';
import type { TraceFacts } from '../../simulator/traces/read.js';
import type { TimedRequest } from '../../simulator/workload/arrivals.js';
import { noteTraces } from '../report/trace-notes.js';
import type { OpenedTraffic } from './open.js';
import type { SloSpec } from './slo.js';

/** What `sluice plan` answers; `--json` prints it. */
export interface PlanAnswer {
  file: string;
  /** What there is to tell of each trace that was read. */
  traces: TraceFacts[];
  /** Of the whole load. */
  load: { seconds: number; requests: number };
  /** What was simulated of it, seconds from its begin. */
  judged: { fromSeconds: number; toSeconds: number; requests: number; whole: boolean };
  coldStartSeconds: number;
  /** `inWords`: what fails and what would help; null where it is kept. */
  pools: (PoolPlan & { inWords: string | null })[];
  /** Pools of which no request came. */
  without: string[];
  /** GPUs of all pools; null: some pool cannot be kept. */
  gpus: { fixed: number | null; scaled: number | null; configured: number; inventory: number };
}

export interface PlanAsk {
  file: string;
  traffic: OpenedTraffic;
  /** Minutes that are simulated at most; null: all. */
  minutes: number | null;
  maxGpus: number;
  note: (line: string) => void;
}

/** So many requests are simulated at most, again and again, unless the whole load is asked for: seconds each time. */
const MOST_REQUESTS = 150_000;
/** Served before counting begins: what is judged is a system at work. */
const LEAD_SECONDS = 600;

/**
 * Errors: `invalid_request` for a load without requests, for an asked level without any, and for requests that could be of
 * several asked levels; `unknown_level` for requests that no pool serves.
 */
export function planAnswer({ file, traffic, minutes, maxGpus, note }: PlanAsk): PlanAnswer {
  const { opened, config, engines, slos } = traffic;
  const { requests, durationSeconds = Number.POSITIVE_INFINITY } = opened.options;
  const counts = new MinuteCounts();
  for (const request of requests) {
    if (request.atSeconds >= durationSeconds) break;
    if (traffic.everyLevelNamed && request.level === undefined) throw ofNoLevel(file, slos);
    counts.add(request);
  }
  if (counts.total === 0)
    throw new SluiceError('invalid_request', `${file}: expected at least one request, got none`);
  const traces = opened.traces.map((trace) => trace.facts());
  noteTraces(traces, note);
  const length = counts.requests.length;
  const stretch = busiest(
    counts,
    minutes ?? length,
    minutes === null ? Number.POSITIVE_INFINITY : MOST_REQUESTS,
  );
  const span = stretch.toSeconds - stretch.fromSeconds;
  const lead = Math.min(LEAD_SECONDS, span);
  note(
    `${counts.total} requests in ${length} min, ${stretch.requests} of them in the ${span / 60} min that are simulated`,
  );
  const byPool = split(config, cut(requests, stretch, lead));
  for (const { level } of slos)
    if (!Object.values(config.pools).some((pool) => pool.level === level && byPool.get(pool.name)?.length))
      throw new SluiceError(
        'invalid_request',
        `--slo ${level}: expected requests of that level, got none of the ${stretch.requests} that are simulated; ` +
          'give it a share by --mix, take a longer stretch (--hours, --whole), or leave its --slo out',
      );
  const pools = [...byPool].flatMap(([name, own]) => {
    const pool = config.pools[name];
    const engine = engines[name];
    if (pool === undefined || engine === undefined || own.length === 0) return [];
    const plan = planPool({
      config,
      pool,
      engine,
      requests: own,
      leadSeconds: lead,
      durationSeconds: span,
      maxGpus,
      onFleet: (kind, fleet) =>
        note(
          `${name}: ${kind === 'fixed' ? '' : 'scaled up to '}${workersOf(fleet)} workers, ${(100 * fleet.attainment).toFixed(2)} % in time`,
        ),
    });
    return [{ ...plan, inWords: plan.fails === null ? null : failure(plan, traffic, own, span) }];
  });
  const planned = pools.map(({ pool }) => pool);
  const sum = (of: (plan: PoolPlan) => number | undefined): number | null =>
    pools.reduce<number | null>((total, plan) => {
      const gpus = of(plan);
      return total === null || gpus === undefined ? null : total + gpus;
    }, 0);
  return {
    file,
    traces,
    load: { seconds: length * 60, requests: counts.total },
    judged: { ...stretch, whole: span >= length * 60 },
    coldStartSeconds: longestColdStart(Object.values(config.pools)),
    pools,
    without: Object.keys(config.pools).filter((name) => !planned.includes(name)),
    gpus: {
      fixed: sum((plan) => plan.fixed?.gpus),
      scaled: sum((plan) => plan.scaled?.gpus),
      configured: planned.reduce((total, name) => total + (config.pools[name]?.gpuBudget.ceiling ?? 0), 0),
      inventory: config.inventory.hosts.reduce((total, { islands }) => total + islands.flat().length, 0),
    },
  };
}

function ofNoLevel(file: string, slos: readonly SloSpec[]): SluiceError {
  const levels = slos.map(({ level }) => level);
  return new SluiceError(
    'invalid_request',
    `${file}: expected each request to name its level beside --slo of ${levels.join(' and ')}, got one that names none; ` +
      `share them out, as by --mix ${levels.map((level) => `${level}=${(1 / levels.length).toFixed(2)}`).join(',')}, or ask for one level`,
  );
}

function split(config: Config, requests: readonly TimedRequest[]): Map<string, TimedRequest[]> {
  const byLevel = new Map(Object.values(config.pools).map((pool) => [pool.level, pool.name]));
  const byPool = new Map(Object.keys(config.pools).map((name): [string, TimedRequest[]] => [name, []]));
  for (const request of requests) {
    const level = request.level ?? config.defaultLevel;
    const name = byLevel.get(level);
    if (name === undefined)
      throw new SluiceError(
        'unknown_level',
        `expected an SLO level of ${[...byLevel.keys()].join(', ')}, got ${JSON.stringify(level)}`,
      );
    byPool.get(name)?.push(request);
  }
  return byPool;
}

/** By how much the level fails, and what would help: the targets that were reached, and what feasibility says. */
function failure(
  plan: PoolPlan,
  { config, engines }: OpenedTraffic,
  own: readonly TimedRequest[],
  span: number,
): string {
  const { fails, violationsAllowed, targets } = plan;
  if (fails === null) return '';
  const { best, saturated } = fails;
  const late = 1 - best.attainment;
  const reached =
    best.ttftSeconds === null
      ? unanswered(best)
      : `${unanswered(best)} At that size ${Number((100 * (1 - violationsAllowed)).toFixed(3))} % of the completed requests have a TTFT up to ${best.ttftSeconds.toFixed(3)} s` +
        ` (target ${targets.ttftSeconds} s) and an ITL up to ${(best.itlSeconds ?? 0).toFixed(4)} s (target ${targets.itlSeconds} s).`;
  const why = saturated
    ? 'More workers no longer help: these requests cannot meet the targets on this engine at this tensor parallelism; raise the targets or tensor_parallelism.'
    : 'More GPUs may help: raise --max-gpus.';
  const pool = config.pools[plan.pool];
  const engine = engines[plan.pool];
  const question =
    pool === undefined || engine === undefined
      ? null
      : poolQuestion(
          {
            ...pool,
            gpuBudget: { guaranteed: best.gpus, ceiling: best.gpus },
            maxWorkers: best.prefillWorkers + best.workers,
          },
          engine.profile,
          { prefill: engine.tp.prefill, decode: engine.tp.vllm },
          { sample: own.slice(0, 2000).map(({ isl, osl }) => ({ isl, osl })), rps: plan.requests / span },
        );
  const verdict = question === null || !saturated ? '' : ` ${explainFeasibility(question).sentence}`;
  return (
    `${(100 * late).toFixed(2)} % late with ${workersOf(best)} workers (${best.gpus} GPUs), ` +
    `${(100 * violationsAllowed).toFixed(1)} % allowed.${reached} ${why}${verdict}`
  );
}

/** What share of a fleet's requests never completed: they have no latency, and count as late. */
function unanswered({ unanswered: share }: FleetOutcome): string {
  return share === 0
    ? ''
    : ` ${(100 * share).toFixed(2)} % of the requests did not complete (failed, expired or lost).`;
}
