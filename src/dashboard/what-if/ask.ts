import { z } from 'zod';
import { poolSchema } from '../../config/pool-schema.js';
import { TRACE_FORMATS } from '../../simulator/traces/read.js';
import { SCENARIO_NAMES } from './scenarios.js';

/** Longest traffic that is simulated, minutes. */
const LONGEST_MINUTES = 1440;

const minutes = z.number().int().min(1).max(LONGEST_MINUTES).default(60);

const sourceSchema = z.discriminatedUnion('kind', [
  /** The last whole minutes on record. */
  z.strictObject({ kind: z.literal('recorded'), minutes: z.number().int().min(1).max(60).default(60) }),
  z.strictObject({
    kind: z.literal('trace'),
    /** One of the files that are offered. */
    name: z.string().min(1).max(255),
    /** Default: the first that can read the file's first row. */
    format: z.enum(TRACE_FORMATS).optional(),
    /** Of rows that name no level; default: spread over all pools. */
    pool: z.string().max(128).optional(),
    minutes,
  }),
  z.strictObject({
    kind: z.literal('scenario'),
    name: z.enum(SCENARIO_NAMES),
    /** Highest load, of what each pool sustains as configured. */
    peak: z.number().min(0.01).max(10).default(0.8),
    minutes,
  }),
]);

/** Everything of a pool that may be changed: what names it, its model and its engine may not. */
const changeSchema = poolSchema.omit({
  preset: true,
  level: true,
  model: true,
  description: true,
  engine: true,
});

/** What is to be simulated. */
export const askSchema = z.strictObject({
  source: sourceSchema,
  /** Times the traffic, in both runs. */
  rate_scale: z.number().min(0.01).max(100).default(1),
  /** Fields of the configuration file, by pool. */
  changes: z.record(z.string(), changeSchema).default({}),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(1),
});
export type Ask = z.output<typeof askSchema>;
export type Source = Ask['source'];
export type Changes = Ask['changes'];

/** Which run is to end. */
export const cancelSchema = z.strictObject({ id: z.string().max(128) });
