import { z } from 'zod';

/** The rates of a lead are the quantiles at the middle of so many equal shares: equally likely rates. */
export const LIKELY_RATES = 8;

/**
 * What one planner has learned from all that it saw, in the plain numbers that a decision takes of it: the load to come,
 * how ragged it is, and how much of the allowed violations was spent.
 */
export const outlookSchema = z.object({
  /** In order; the last lead is a cold start and an interval ahead. Empty: too little is known for a forecast. */
  leads: z.array(
    z.object({
      /** From now. */
      seconds: z.number(),
      /** `LIKELY_RATES` equally likely arrival rates then, rising, requests/s. */
      rates: z.array(z.number().min(0)),
    }),
  ),
  /** Where the load of the last hour left and came back, the rates at which equal shares of its requests came, requests/s. */
  returning: z.array(z.number().min(0)).optional(),
  /** Mean rate of the last quarter of an hour, requests/s; absent: not known, as in records from before it was kept. */
  usualRps: z.number().min(0).optional(),
  /** Unix ms at which the pool's opening ends or ended; absent: no traffic yet. */
  openUntilMs: z.number().optional(),
  /** Index of dispersion of arrivals over about the TTFT target, 1 or more; null: too few were seen. */
  dispersion: z.number().min(1).nullable(),
  /** Requests that ended within the last hour, and those of them that missed their SLO. */
  ended: z.number().min(0),
  missed: z.number().min(0),
  /** Requests that stood aside a window ago, and have not ended then; null: not known. */
  asideBefore: z.number().min(0).nullable().default(null),
  /** Requests that workers held a window ago; absent: not known, as in records from before it was kept. */
  runningBefore: z.number().min(0).optional(),
  /** Requests that were late when the pool's opening ended, within the last hour: not to be won back. */
  pardoned: z.number().min(0).default(0),
});
export type Outlook = z.output<typeof outlookSchema>;

/** An outlook with a forecast, as its planner shows it. */
export const storedOutlookSchema = z.object({ atMs: z.number(), outlook: outlookSchema });
export type StoredOutlook = z.output<typeof storedOutlookSchema>;
