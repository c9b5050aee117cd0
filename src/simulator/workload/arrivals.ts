import { SluiceError } from '../../contract/errors.js';
import type { TraceRow } from '../traces/row.js';
import type { PromptWriter } from './prompts.js';
import { type Random, seededRandom } from './random.js';
import { TimeHeap } from './time-heap.js';

/** One request of a workload, at its time, without its text. */
export interface TimedRequest {
  /** Seconds from the start of the load. */
  atSeconds: number;
  isl: number;
  osl: number;
  /** Undefined: the config's default level. */
  level?: string;
  /** Part of the request id that the trace chose. */
  id?: string;
  /** The row it comes from, where it comes from a trace. */
  row?: TraceRow;
}

/** A request with its text. */
export interface Arrival extends Omit<TimedRequest, 'row'> {
  /** Writes the prompt; called once, when the request is submitted. */
  prompt(): string;
}

/** Share of each level, 0..1, adding up to 1. */
export type Mix = readonly { level: string; share: number }[];

export interface ArrivalOptions {
  seed: number;
  /** Levels of rows that name none; absent: the config's default level. */
  mix?: Mix;
  /** Arrivals multiplied (above 1) or thinned (below 1), at unchanged times. */
  rateScale?: number;
  /** Time divided. */
  speed?: number;
  /**
   * Copies of a row come up to so many seconds after it, evenly by seed: a load that is multiplied stays a crowd of
   * people, where copies at one moment would make every request a burst. Default 0.
   */
  spreadSeconds?: number;
}

/** Reads `high=.5,medium=.3,low=.2`; shares are scaled to add up to 1. Throws `invalid_request`. */
export function parseMix(text: string): Mix {
  const expected = `expected --mix like high=.5,medium=.3,low=.2, got ${JSON.stringify(text)}`;
  const seen = new Set<string>();
  const parts = text.split(',').map((part) => {
    const [level = '', share = '', ...more] = part.split('=').map((side) => side.trim());
    const value = share === '' ? Number.NaN : Number(share);
    if (level === '' || more.length > 0 || !Number.isFinite(value) || value < 0)
      throw new SluiceError('invalid_request', `${expected}: ${JSON.stringify(part)} is not LEVEL=SHARE`);
    if (seen.has(level)) throw new SluiceError('invalid_request', `${expected}: ${level} stands twice`);
    seen.add(level);
    return { level, share: value };
  });
  const sum = parts.reduce((total, part) => total + part.share, 0);
  if (sum <= 0) throw new SluiceError('invalid_request', `${expected}: the shares add up to 0`);
  return parts.map(({ level, share }) => ({ level, share: share / sum }));
}

/** A level drawn from a mix. */
function drawLevel(mix: Mix, random: Random): string {
  let left = random();
  for (const { level, share } of mix) {
    left -= share;
    if (left < 0) return level;
  }
  const last = mix.at(-1);
  if (last === undefined) throw new SluiceError('internal', 'expected a mix of at least one level');
  return last.level;
}

/**
 * The workload of a trace, row by row: thinned or multiplied by seed, levels drawn by seed, time divided by speed. Never
 * shuffled; a level that the row names goes before the mix. The same seed gives the same requests.
 */
export function* requestsOf(rows: Iterable<TraceRow>, options: ArrivalOptions): Generator<TimedRequest> {
  const { seed, mix, rateScale = 1, speed = 1, spreadSeconds = 0 } = options;
  const copies = seededRandom(seed, 'rate');
  const levels = seededRandom(seed, 'levels');
  const shifts = seededRandom(seed, 'spread');
  const later = new TimeHeap<TimedRequest>();
  for (const row of rows) {
    yield* later.until(row.atSeconds / speed);
    const draw = copies();
    const count = Math.floor(rateScale) + (draw < rateScale - Math.floor(rateScale) ? 1 : 0);
    for (let copy = 0; copy < count; copy++) {
      const level = row.level ?? (mix ? drawLevel(mix, levels) : undefined);
      const request: TimedRequest = { atSeconds: row.atSeconds / speed, isl: row.isl, osl: row.osl, row };
      if (level !== undefined) request.level = level;
      if (row.id !== undefined) request.id = copy === 0 ? row.id : `${row.id}.${copy}`;
      if (copy === 0 || spreadSeconds === 0) yield request;
      else later.push({ ...request, atSeconds: request.atSeconds + (shifts() * spreadSeconds) / speed });
    }
  }
  yield* later.until(Number.POSITIVE_INFINITY);
}

/** `requestsOf` with their prompts. */
export function arrivalsOf(
  rows: readonly TraceRow[],
  options: ArrivalOptions,
  prompts: PromptWriter,
): Arrival[] {
  const arrivals: Arrival[] = [];
  for (const { row, ...request } of requestsOf(rows, options)) {
    const key = arrivals.length;
    const { isl } = request;
    const write = () =>
      row?.prompt ?? (row?.blocks ? prompts.blocks(row.blocks, isl) : prompts.prompt(key, isl));
    arrivals.push({ ...request, prompt: write });
  }
  return arrivals;
}
