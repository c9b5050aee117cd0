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
export function seriesRequests(load: SeriesLoad): IterableIterator<TimedRequest> {
  return new SeriesRequests(load);
}

const DONE: IteratorResult<TimedRequest, undefined> = { value: undefined, done: true };

/** By hand and not as a generator, since every request of a simulated week comes from here. */
class SeriesRequests implements IterableIterator<TimedRequest> {
  readonly #arrivals: Random;
  readonly #lengths: Random;
  /** Drawn and not yet given out: those of the second that ends at `#drawnTo`. */
  readonly #times: number[] = [];
  #count = 0;
  #given = 0;
  /** Index of the point that ends the stretch of the rate's line under way. */
  #to = 1;
  #drawnTo: number;

  constructor(private readonly load: SeriesLoad) {
    const { seed, level, rate } = load;
    this.#arrivals = seededRandom(seed, `series:${level}`);
    this.#lengths = seededRandom(seed, `lengths:${level}`);
    this.#drawnTo = rate[0]?.atSeconds ?? 0;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<TimedRequest, undefined> {
    while (this.#given === this.#count) if (!this.#draw()) return DONE;
    const { level, tokens, speed = 1 } = this.load;
    const atSeconds = (this.#times[this.#given++] ?? 0) / speed;
    const lengths = this.#lengths;
    return {
      value: { atSeconds, isl: tokens.isl.draw(lengths), osl: tokens.osl.draw(lengths), level },
      done: false,
    };
  }

  return(): IteratorResult<TimedRequest, undefined> {
    this.#to = this.load.rate.length;
    this.#given = this.#count;
    return DONE;
  }

  /** Draws the next second, or what of it lies on one stretch of the line; false: there is none. */
  #draw(): boolean {
    const { rate, rateScale = 1, dispersion = 1 } = this.load;
    for (; this.#to < rate.length; this.#to++) {
      const from = rate[this.#to - 1];
      const to = rate[this.#to];
      if (!from || !to) continue;
      const start = Math.max(this.#drawnTo, from.atSeconds);
      if (start >= to.atSeconds) continue;
      const end = Math.min(to.atSeconds, Math.floor(start) + 1);
      this.#count = drawSecond(this.#times, { from, to, rateScale, dispersion }, start, end, this.#arrivals);
      this.#given = 0;
      this.#drawnTo = end;
      return true;
    }
    return false;
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
