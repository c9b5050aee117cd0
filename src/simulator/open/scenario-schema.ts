import { z } from 'zod';
import { TRACE_FORMATS } from '../traces/read.js';

const seconds = z
  .number()
  .min(0)
  .max(100 * 366 * 86_400);
const length = z.strictObject({
  median: z.number().min(1).max(1_000_000),
  sigma: z.number().min(0).max(5).default(0),
  min: z.number().int().min(1).max(1_000_000).default(1),
  max: z.number().int().min(1).max(1_000_000).default(1_000_000),
});
const scale = z.number().positive().max(1e6);
const level = z.string().min(1);

/** Where requests come from: exactly one of trace, rate and series. */
const loadSchema = z
  .strictObject({
    level: level.optional(),
    /** Levels of rows that name none, as in high=.5,medium=.5. */
    mix: z.string().optional(),
    trace: z.string().min(1).optional(),
    format: z.enum(TRACE_FORMATS).optional(),
    skip_bad: z.boolean().optional(),
    minutes: z.number().positive().optional(),
    /** Points of seconds and requests per second. */
    rate: z
      .array(z.tuple([seconds, z.number().min(0).max(1e6)]))
      .min(2)
      .optional(),
    isl: length.optional(),
    osl: length.optional(),
    /** CSV of rates by time. */
    series: z.string().min(1).optional(),
    /** JSON of token CDFs, and which of them. */
    tokens: z.string().min(1).optional(),
    kind: z.string().min(1).optional(),
    dispersion: z.number().min(1).max(1000).optional(),
    rate_scale: scale.optional(),
    speed: scale.optional(),
  })
  .refine(
    ({ trace, rate, series }) => [trace, rate, series].filter((source) => source !== undefined).length === 1,
    'expected one of trace, rate and series',
  )
  .refine(
    ({ trace, format }) => (trace === undefined) === (format === undefined),
    'expected format beside trace',
  )
  .refine(
    ({ trace, level, mix }) =>
      trace === undefined ? level !== undefined : level === undefined || mix === undefined,
    'expected level (or, for a trace, level or mix)',
  )
  .refine(
    ({ rate, series, isl, osl, tokens, kind }) =>
      (rate === undefined && series === undefined) ||
      (isl !== undefined && osl !== undefined) ||
      (series !== undefined && tokens !== undefined && kind !== undefined),
    'expected isl and osl, or for a series tokens and kind',
  );

const at = { at_seconds: seconds, pool: z.string().min(1) };
const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('worker_death'), ...at, noticed: z.boolean().default(false) }),
  z.strictObject({
    kind: z.literal('slow_gpu'),
    ...at,
    factor: z.number().positive().max(1000),
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
  duration_seconds: z.number().positive().optional(),
  cold_start_seconds: seconds.optional(),
  dispatch_seconds: z.number().min(0).max(60).optional(),
  interval_seconds: z.number().min(1).max(86_400).optional(),
  /** `warm`: the pools' floors are ready when the load begins. */
  begin: z.enum(['warm', 'cold']).default('warm'),
  arrivals: z.array(loadSchema).min(1),
  faults: z.array(faultSchema).default([]),
});
export type ScenarioFields = z.output<typeof scenarioSchema>;
export type LoadFields = ScenarioFields['arrivals'][number];
