import { SluiceError } from '../../contract/errors.js';
import type { TimedRequest } from './arrivals.js';
import { exponential, gamma, type Random, seededRandom } from './random.js';
import type { RatePoint } from './shape.js';
import type { TokenTable } from './token-cdf.js';

/** Columns that hold seconds, and those that hold a rate, with what makes it requests per second. */
const TIMES = ['t_seconds', 'at_seconds', 'seconds'];
const RATES: Readonly<Record<string, number>> = { rps: 1, rpm: 1 / 60, rpm_mid: 1 / 60 };
/** Beyond any fleet: more is a slip of the unit, and no time would be enough to draw it. */
const MOST_RPS = 1e6;

/**
 * Reads a rate series: CSV with a header that names a time (`t_seconds`) and a rate (`rps`, `rpm`, `rpm_mid`).
 * Errors: `invalid_request` with the line number of a broken or unsorted row, or when fewer than two points are there.
 */
export function parseRateSeries(text: string, name: string): RatePoint[] {
  const fail = (line: number, what: string) =>
    new SluiceError('invalid_request', `${name}:${line}: ${what}; correct the row`);
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const header = (lines[0] ?? '').split(',').map((cell) => cell.trim());
  const timeAt = header.findIndex((cell) => TIMES.includes(cell));
  const rateAt = header.findIndex((cell) => Object.hasOwn(RATES, cell));
  const unit = RATES[header[rateAt] ?? ''];
  if (timeAt < 0 || unit === undefined)
    throw fail(
      1,
      `expected a header with one of ${TIMES.join(', ')} and one of ${Object.keys(RATES).join(', ')}`,
    );
  const points: RatePoint[] = [];
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === '') continue;
    const cells = line.split(',').map((cell) => cell.trim());
    const atSeconds = number(cells[timeAt]);
    const rate = number(cells[rateAt]);
    if (!(atSeconds >= (points.at(-1)?.atSeconds ?? 0)))
      throw fail(
        index + 1,
        `expected a time of at least 0, in order, got ${JSON.stringify(cells[timeAt] ?? '')}`,
      );
    if (!(rate >= 0 && rate * unit <= MOST_RPS))
      throw fail(
        index + 1,
        `expected a rate of at least 0, at most ${MOST_RPS} requests/s, got ${JSON.stringify(cells[rateAt] ?? '')}`,
      );
    points.push({ atSeconds, rps: rate * unit });
  }
  if (points.length < 2) throw fail(lines.length, `expected at least two points, got ${points.length}`);
  return points;
}

/** The points of the first so many seconds, the last one on the line between those around it. */
export function firstSeconds(points: readonly RatePoint[], seconds: number): RatePoint[] {
  const end = (points[0]?.atSeconds ?? 0) + seconds;
  const inside = points.filter(({ atSeconds }) => atSeconds <= end);
  const [from, to] = [inside.at(-1), points[inside.length]];
  if (from === undefined || to === undefined || from.atSeconds === end) return inside;
  const share = (end - from.atSeconds) / (to.atSeconds - from.atSeconds);
  return [...inside, { atSeconds: end, rps: from.rps + share * (to.rps - from.rps) }];
}

function number(text: string | undefined): number {
  return text === undefined || text === '' ? Number.NaN : Number(text);
}

export interface SeriesLoad {
  level: string;
  rate: readonly RatePoint[];
  tokens: { isl: TokenTable; osl: TokenTable };
  seed: number;
  /** Rates multiplied, times divided. */
  rateScale?: number;
  speed?: number;
  /** Index of dispersion of the counts of one second, 1 or more; 1: Poisson. */
  dispersion?: number;
}

/**
 * Requests drawn from a rate that changes evenly from point to point, at the points' own times. Poisson by thinning within
 * each second (Lewis and Shedler 1979). With an index of dispersion D above 1 each second's rate r is multiplied by a draw of a gamma
 * distribution of mean 1 and variance (D - 1) / r, so that its count is negative binomial of mean r and variance D r.
 */
export function* seriesRequests(load: SeriesLoad): Generator<TimedRequest> {
  const { level, rate, tokens, seed, rateScale = 1, speed = 1, dispersion = 1 } = load;
  const random = seededRandom(seed, `series:${level}`);
  const lengths = seededRandom(seed, `lengths:${level}`);
  const times: number[] = [];
  for (let k = 1; k < rate.length; k++) {
    const from = rate[k - 1];
    const to = rate[k];
    if (!from || !to || to.atSeconds <= from.atSeconds) continue;
    for (let start = from.atSeconds; start < to.atSeconds; ) {
      const end = Math.min(to.atSeconds, Math.floor(start) + 1);
      const count = drawSecond(times, { from, to, rateScale, dispersion }, start, end, random);
      for (let i = 0; i < count; i++) {
        const atSeconds = (times[i] ?? 0) / speed;
        yield { atSeconds, isl: tokens.isl.draw(lengths), osl: tokens.osl.draw(lengths), level };
      }
      start = end;
    }
  }
}

interface RateLine {
  from: RatePoint;
  to: RatePoint;
  rateScale: number;
  dispersion: number;
}

/** Draws the arrivals from `start` to `end`, a second or less, into `times`; returns how many. */
function drawSecond(times: number[], line: RateLine, start: number, end: number, random: Random): number {
  const { from, to, rateScale, dispersion } = line;
  const span = to.atSeconds - from.atSeconds;
  const rateOf = (at: number) =>
    rateScale * (from.rps + ((to.rps - from.rps) * (at - from.atSeconds)) / span);
  const mean = rateOf((start + end) / 2);
  const factor = dispersion > 1 && mean > 0 ? gamma(random, mean / (dispersion - 1)) : 1;
  const peak = Math.max(rateOf(start), rateOf(end)) * factor;
  if (peak <= 0) return 0;
  let count = 0;
  for (let at = start + exponential(random, 1 / peak); at < end; at += exponential(random, 1 / peak))
    if (random() * peak < rateOf(at) * factor) times[count++] = at;
  return count;
}
