import { z } from 'zod';
import { TRACE_FORMATS } from '../traces/read.js';

const seconds = z
  .number()
  .min(0)
  .max(100 * 366 * 86_400);
const tokens = z.number().int().min(1).max(1_000_000);
const logNormalLength = z
  .strictObject({
    median: z.number().min(1).max(1_000_000),
    sigma: z.number().min(0).max(5).default(0),
    min: tokens.default(1),
    max: tokens.default(1_000_000),
  })
  .superRefine(({ min, max }, context) => {
    if (min > max)
      context.addIssue({
        code: 'custom',
        path: ['min'],
        message: `expected at most max, which is ${max}, got ${min}`,
      });
  });
/** Percents of requests and the tokens that so many do not exceed, evenly between: from a published table. */
const quantileLength = z.strictObject({
  quantiles: z
    .array(z.tuple([z.number().min(0).max(100), tokens]))
    .min(2)
    .refine(
      (points) => points.every((point, k) => k === 0 || rises(points[k - 1], point)),
      'expected percents and tokens that rise from point to point',
    ),
});
const length = z.union([logNormalLength, quantileLength]);
const scale = z.number().positive().max(1e6);
const level = z.string().min(1);

function rises(from: readonly number[] | undefined, to: readonly number[]): boolean {
  return to.every((value, k) => value >= (from?.[k] ?? 0));
}

function inOrder(points: readonly (readonly [number, number])[], context: z.RefinementCtx): void {
  for (const [k, [at]] of points.entries()) {
    const before = points[k - 1]?.[0] ?? 0;
    if (at >= before) continue;
    const message = `expected points in order of time, got ${at} s after ${before} s`;
    context.addIssue({ code: 'custom', path: [k], message });
  }
}

/** A week by its published figures; src/simulator/workload/week.ts. */
const weekSchema = z.strictObject({
  peak_rps: scale.default(1),
  peak_to_mean: z.number().gt(1).max(100),
  peak_to_trough: z.number().gt(1).max(10_000),
  weekend: z.number().min(0).max(1).default(1),
});

/** A rate that bursts; src/simulator/workload/burst.ts. */
const burstSchema = z.strictObject({
  peak_minute_to_mean: z.number().gt(1).max(100),
  dispersion: z.number().min(1).max(1000),
  /** The mean rate at which it has this dispersion; default: the rate at which it runs. */
  at_rps: scale.optional(),
  memory_seconds: z.number().min(1).max(86_400).default(120),
  flicker_seconds: z.number().min(0.1).max(86_400).default(3),
});

const sourceFields = {
  level: level.optional(),
  /** Levels of rows that name none, as in high=.5,medium=.5. */
  mix: z.string().optional(),
  trace: z.string().min(1).optional(),
  format: z.enum(TRACE_FORMATS).optional(),
  skip_bad: z.boolean().optional(),
  minutes: z.number().positive().optional(),
  /** Rows of a trace that are further apart, seconds of the trace, are moved so near. */
  max_gap_seconds: z
    .number()
    .positive()
    .max(400 * 86_400)
    .optional(),
  /** Copies of a row, where rate_scale is above 1, come within so long after it. */
  spread_seconds: z.number().min(0).max(86_400).optional(),
  /** Points of seconds and requests per second. */
  rate: z
    .array(z.tuple([seconds, z.number().min(0).max(1e6)]))
    .min(2)
    .superRefine(inOrder)
    .optional(),
  week: weekSchema.optional(),
  isl: length.optional(),
  osl: length.optional(),
  /** CSV of rates by time. */
  series: z.string().min(1).optional(),
  /** JSON of token CDFs, and which of them. */
  tokens: z.string().min(1).optional(),
  kind: z.string().min(1).optional(),
  dispersion: z.number().min(1).max(1000).optional(),
  burst: burstSchema.optional(),
  rate_scale: scale.optional(),
  speed: scale.optional(),
};

type Source = z.output<z.ZodObject<typeof sourceFields>>;

/** What is wrong with a load beyond its single fields; null: nothing. */
function wrongWith(load: Source): string | null {
  const { trace, format, rate, series, week, isl, osl, tokens, kind } = load;
  if ([trace, rate, series, week].filter((source) => source !== undefined).length !== 1)
    return 'expected one of trace, rate, series and week';
  if ((trace === undefined) !== (format === undefined)) return 'expected format beside trace';
  if (trace === undefined ? load.level === undefined : load.level !== undefined && load.mix !== undefined)
    return 'expected level (or, for a trace, level or mix)';
  if (
    trace === undefined &&
    (isl === undefined || osl === undefined) &&
    (tokens === undefined || kind === undefined)
  )
    return 'expected isl and osl, or tokens and kind';
  if (load.burst !== undefined && (trace !== undefined || load.dispersion !== undefined))
    return 'expected burst beside rate, series or week, and without dispersion, which it has';
  if (trace === undefined && load.spread_seconds !== undefined) return 'expected spread_seconds beside trace';
  if (trace === undefined && load.max_gap_seconds !== undefined)
    return 'expected max_gap_seconds beside trace';
  return null;
}

const sourceSchema = z.strictObject(sourceFields).superRefine(refuse);

/** Where requests come from: exactly one of trace, rate, series and week. */
const loadSchema = z
  .strictObject({
    ...sourceFields,
    /** Taken instead where a file that the load names is not there. */
    otherwise: sourceSchema.optional(),
  })
  .superRefine(refuse);

function refuse(load: Source, context: z.RefinementCtx): void {
  const message = wrongWith(load);
  if (message !== null) context.addIssue({ code: 'custom', message });
}

const at = { at_seconds: seconds, pool: z.string().min(1) };
const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('worker_death'), ...at, noticed: z.boolean().default(false) }),
  z.strictObject({
    kind: z.literal('slow_gpu'),
    ...at,
    factor: z.number().min(1, 'expected at least 1: how many times as long everything takes').max(1000),
    for_seconds: seconds,
  }),
  z.strictObject({ kind: z.literal('telemetry_gap'), ...at, for_seconds: seconds }),
  z.strictObject({ kind: z.literal('failed_cold_start'), ...at, for_seconds: seconds }),
]);

/** A scenario file; docs/simulator.md describes each field. */
export const scenarioSchema = z.strictObject({
  /** A configuration file, relative to this one, or its content. Default: the presets. */
  config: z.union([z.string().min(1), z.record(z.string(), z.unknown())]).optional(),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(1),
  /** What it shows, for a report. */
  title: z.string().min(1).optional(),
  duration_seconds: z.number().positive().optional(),
  /** Served and not counted: what is judged is a system at work. */
  warm_up_seconds: z.number().min(0).max(86_400).optional(),
  /** Rates scaled so that the busiest minute is this share of what the pool's whole budget sustains; or by level. */
  peak_of_capacity: z.union([scale, z.record(z.string(), scale)]).optional(),
  /** At most a day, as of an engine in a configuration. */
  cold_start_seconds: z.number().min(0).max(86_400).optional(),
  dispatch_seconds: z.number().min(0).max(60).optional(),
  interval_seconds: z.number().min(1).max(86_400).optional(),
  /** `warm`: the pools' floors are ready when the load begins. */
  begin: z.enum(['warm', 'cold']).default('warm'),
  arrivals: z.array(loadSchema).min(1),
  faults: z.array(faultSchema).default([]),
});
export type ScenarioFields = z.output<typeof scenarioSchema>;
export type LoadFields = Source;
