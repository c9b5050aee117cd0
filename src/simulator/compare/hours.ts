import type { SeriesRow } from '../run/series.js';

/** One hour of one pool, from the begin of counting. */
export interface HourFigures {
  hour: number;
  arrivals: number;
  attained: number;
  gpuHours: number;
}

/** Hours of one pool judged by what its level allows. */
export interface HourVerdict {
  /** Hours with enough requests to judge, and with some but too few. */
  judged: number;
  tooFew: number;
  /** Judged hours within the allowed violations. */
  kept: number;
  /** Judged hours that were not kept. */
  missed: number[];
  /** Hours that are left out because even the whole budget cannot keep them. */
  excused: number;
  /** The judged hour with the most misses; null: none judged. */
  worst: { hour: number; attainment: number; arrivals: number } | null;
}

export interface WorstMinute {
  atSeconds: number;
  attainment: number;
  arrivals: number;
}

/** An hour is judged from so many allowed misses on: below, a handful of requests would decide. */
const LEAST_MISSES = 10;
/** The worst minute is one of at least so many requests. */
const LEAST_IN_MINUTE = 10;

/** Fewest requests by which an hour is judged, at the share of violations that is allowed. */
export function leastRequests(violationsAllowed: number): number {
  return violationsAllowed > 0 ? Math.ceil(LEAST_MISSES / violationsAllowed) : 1;
}

/** Sums a pool's series by hour; an interval belongs to the hour in which it begins. */
export function hoursOf(series: readonly SeriesRow[]): HourFigures[] {
  const hours: HourFigures[] = [];
  for (const row of series) {
    const hour = Math.floor(row.atSeconds / 3600 + 1e-9);
    while (hours.length <= hour) hours.push({ hour: hours.length, arrivals: 0, attained: 0, gpuHours: 0 });
    const sum = hours[hour];
    if (sum === undefined) continue;
    sum.arrivals += row.arrivals;
    sum.attained += row.attained;
    sum.gpuHours += row.gpuHours;
  }
  return hours;
}

/** Whether misses are within what is allowed. A sum of rounded shares never decides: hence the slack. */
export function within(arrivals: number, attained: number, violationsAllowed: number): boolean {
  return arrivals - attained <= violationsAllowed * arrivals + 1e-9;
}

/** `excused`: hours that nothing inside the budget can keep. */
export function judgeHours(
  hours: readonly HourFigures[],
  violationsAllowed: number,
  excused: ReadonlySet<number> = new Set(),
): HourVerdict {
  const least = leastRequests(violationsAllowed);
  const verdict: HourVerdict = { judged: 0, tooFew: 0, kept: 0, missed: [], excused: 0, worst: null };
  for (const { hour, arrivals, attained } of hours) {
    if (arrivals === 0) continue;
    if (arrivals < least) verdict.tooFew++;
    else if (excused.has(hour)) verdict.excused++;
    else {
      verdict.judged++;
      if (within(arrivals, attained, violationsAllowed)) verdict.kept++;
      else verdict.missed.push(hour);
      const attainment = attained / arrivals;
      if (verdict.worst === null || attainment < verdict.worst.attainment)
        verdict.worst = { hour, attainment, arrivals };
    }
  }
  return verdict;
}

/** The interval of the series with the lowest attainment among those of at least ten requests; null: none. */
export function worstMinute(series: readonly SeriesRow[]): WorstMinute | null {
  let worst: WorstMinute | null = null;
  for (const { atSeconds, arrivals, attained } of series) {
    if (arrivals < LEAST_IN_MINUTE) continue;
    const attainment = attained / arrivals;
    if (worst === null || attainment < worst.attainment) worst = { atSeconds, attainment, arrivals };
  }
  return worst;
}
