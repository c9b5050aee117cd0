import { basename } from 'node:path';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { RecordedMinute } from '../../contract/recorded.js';
import { openEngines } from '../../simulator/open/engines.js';
import { DISPATCH_SECONDS, scenarioOf } from '../../simulator/open/scenario.js';
import { scenarioSchema } from '../../simulator/open/scenario-schema.js';
import type { SimulateOptions } from '../../simulator/run/options.js';
import { simulate } from '../../simulator/run/simulate.js';
import type { TraceStream } from '../../simulator/traces/read.js';
import type { TimedRequest } from '../../simulator/workload/arrivals.js';
import { mergeRequests } from '../../simulator/workload/merge.js';
import { recordedRequests } from '../../simulator/workload/recorded.js';
import type { Ask, Source } from './ask.js';
import { figuresOf } from './outcome.js';
import { scenarioLoads } from './scenarios.js';
import { traceFormat } from './traces.js';
import type { Phase, RunFigures, RunResult } from './view.js';

/** Intervals that a chart has about. */
const INTERVALS = 180;
/** Copies of a trace's row come within so long after it. */
const SPREAD_SECONDS = 30;

/** Everything that a run takes; crosses to its thread as it is. */
export interface Task {
  configured: Config;
  changed: Config;
  source: Exclude<Source, { kind: 'trace' }> | (Extract<Source, { kind: 'trace' }> & { path: string });
  /** By pool; for a recorded source. */
  recorded: Record<string, RecordedMinute[]>;
  rateScale: Ask['rate_scale'];
  seed: number;
  mostRequests: number;
  notes: string[];
}

/**
 * Simulates the same traffic as configured and as changed, one after the other.
 * @param tell how far the simulation of a phase is, 0..1
 * Errors: `invalid_request` for a trace that cannot be read and for too many requests; those of the simulator.
 */
export function bothRuns(task: Task, tell: (phase: Phase, share: number) => void): RunResult {
  const seconds = task.source.minutes * 60;
  const intervalSeconds = Math.max(5, Math.ceil(seconds / INTERVALS / 5) * 5);
  const notes = [...task.notes];
  const load = openLoad(task, seconds, notes);
  const run = (phase: Phase, config: Config): RunFigures => {
    const result = simulate({
      ...load.options,
      config,
      engines: openEngines(config),
      requests: atMost(task.mostRequests, load.options.requests),
      intervalSeconds,
      onProgress: ({ atSeconds }) => tell(phase, Math.min(1, atSeconds / seconds)),
    });
    return figuresOf(config, result, intervalSeconds);
  };
  const configured = run('as configured', task.configured);
  const requests = Object.values(configured.pools).reduce((sum, pool) => sum + pool.requests, 0);
  if (requests === 0)
    throw new SluiceError('invalid_request', 'source: expected at least one request, got none');
  const changed = run('changed', task.changed);
  for (const { skipped, firstBad } of load.traces.map((trace) => trace.facts()))
    if (skipped > 0) notes.push(`left out ${skipped} broken rows of the trace, the first: ${firstBad}`);
  const began = Object.values(task.recorded)[0]?.[0]?.startSecond;
  return {
    beganAtMs: task.source.kind === 'recorded' && began !== undefined ? began * 1000 : null,
    requests,
    notes,
    configured,
    changed,
  };
}

interface Load {
  options: Omit<SimulateOptions, 'config' | 'engines'>;
  traces: TraceStream[];
}

function openLoad(task: Task, seconds: number, notes: string[]): Load {
  const { source, configured: config, rateScale, seed } = task;
  switch (source.kind) {
    case 'recorded':
      return { options: { ...recordedLoad(task), durationSeconds: seconds }, traces: [] };
    case 'scenario': {
      const { name, peak } = source;
      const arrivals = scenarioLoads(name, { config, engines: openEngines(config) }, { peak, seconds });
      const fields = { arrivals: arrivals.map((load) => ({ ...load, rate_scale: rateScale })) };
      return scenarioOf(scenarioSchema.parse({ ...fields, seed, duration_seconds: seconds }), name, {
        config,
      });
    }
    case 'trace': {
      const format = source.format ?? traceFormat(source.path);
      notes.push(`${basename(source.path)} was read as ${format}`);
      const pools = Object.values(config.pools).filter(
        ({ name }) => source.pool === undefined || name === source.pool,
      );
      const arrivals = {
        trace: source.path,
        format,
        mix: pools.map(({ level }) => `${level}=1`).join(','),
        minutes: source.minutes,
        rate_scale: rateScale,
        spread_seconds: SPREAD_SECONDS,
        skip_bad: true,
      };
      return scenarioOf(scenarioSchema.parse({ arrivals: [arrivals], seed }), source.name, { config });
    }
  }
}

function recordedLoad({ configured, recorded, seed, rateScale }: Task): Load['options'] {
  const loads = Object.values(configured.pools).map(({ name, level, expected }) => {
    return { level, minutes: recorded[name] ?? [], expectedOsl: expected.osl };
  });
  return {
    requests: {
      [Symbol.iterator]: () =>
        mergeRequests(loads.map((load) => recordedRequests(load, seed, rateScale)))[Symbol.iterator](),
    },
    dispatchSeconds: DISPATCH_SECONDS,
  };
}

/** Errors: `invalid_request` at the first request too many. */
function atMost(most: number, requests: Iterable<TimedRequest>): Iterable<TimedRequest> {
  return {
    *[Symbol.iterator]() {
      let count = 0;
      for (const request of requests) {
        if (++count > most)
          throw new SluiceError(
            'invalid_request',
            `source: expected at most ${most} requests, got more; take fewer minutes or a smaller rate_scale`,
          );
        yield request;
      }
    },
  };
}
