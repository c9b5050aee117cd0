import { z } from 'zod';

/** Length of a bucket of the seasonal curves, s. */
const BUCKET_SECONDS = 900;
const DAY = 96;
const WEEK = 7 * DAY;
/** A bucket enters the curves half a day after it was seen, so that the seam between old and new is never near. */
const SETTLE = DAY / 2;
/** What a new day takes over of a curve, and a new week. */
const DAY_GAIN = 0.4;
const WEEK_GAIN = 0.5;
/** Buckets of a curve that must be known before it says anything. */
const ENOUGH = 0.9;

const curve = (buckets: number) => z.array(z.number().nullable()).length(buckets);
export const curvesStateSchema = z.object({
  /** Bins seen since the start, known or not. */
  bins: z.number().int().min(0),
  sum: z.number().min(0),
  known: z.number().int().min(0),
  /** Log rates of the newest half day, oldest first. */
  settling: z.array(z.number().nullable()).max(SETTLE),
  day: curve(DAY),
  week: curve(WEEK),
});
type State = z.output<typeof curvesStateSchema>;
export type Season = 'day' | 'week';

/**
 * How the load runs over the day and over the week, as log rates of buckets of 15 minutes counted from the first bin,
 * between whose middles they change evenly.
 */
export class SeasonalCurves {
  #bins = 0;
  #sum = 0;
  #known = 0;
  readonly #settling: (number | null)[];
  readonly #curves: Record<Season, (number | null)[]>;

  constructor(
    private readonly binSeconds: number,
    state?: State,
  ) {
    this.#bins = state?.bins ?? 0;
    this.#sum = state?.sum ?? 0;
    this.#known = state?.known ?? 0;
    this.#settling = [...(state?.settling ?? [])];
    this.#curves = {
      day: [...(state?.day ?? new Array<null>(DAY).fill(null))],
      week: [...(state?.week ?? new Array<null>(WEEK).fill(null))],
    };
  }

  push(rate: number | null): void {
    const bucket = this.#bucketOf(this.#bins);
    if (rate !== null) {
      this.#sum += rate;
      this.#known += 1;
    }
    this.#bins += 1;
    for (let at = bucket; at < this.#bucketOf(this.#bins); at++) this.#close(at);
  }

  /** Factors by which a curve changes from the `bins` bins before: [h] from bin h - 1 ahead to h ahead. 1: not known. */
  growth(season: Season, bins: number): number[] {
    const curve = this.#curves[season];
    const known = curve.filter((value) => value !== null).length;
    if (known < ENOUGH * curve.length) return new Array<number>(bins).fill(1);
    let before = this.#at(curve, this.#bins - 1);
    return Array.from({ length: bins }, (_, h) => {
      const now = this.#at(curve, this.#bins + h);
      const factor = before === null || now === null ? 1 : Math.exp(now - before);
      before = now;
      return factor;
    });
  }

  save(): State {
    return {
      bins: this.#bins,
      sum: this.#sum,
      known: this.#known,
      settling: [...this.#settling],
      day: [...this.#curves.day],
      week: [...this.#curves.week],
    };
  }

  #bucketOf(bin: number): number {
    return Math.floor((bin * this.binSeconds) / BUCKET_SECONDS);
  }

  /** The curve's log rate in the middle of a bin. */
  #at(curve: readonly (number | null)[], bin: number): number | null {
    const at = ((bin + 0.5) * this.binSeconds) / BUCKET_SECONDS - 0.5;
    const left = Math.floor(at);
    const [a, b] = [this.#value(curve, left), this.#value(curve, left + 1)];
    return a === null || b === null ? (a ?? b) : a + (b - a) * (at - left);
  }

  #value(curve: readonly (number | null)[], bucket: number): number | null {
    return curve[((bucket % curve.length) + curve.length) % curve.length] ?? null;
  }

  #close(bucket: number): void {
    // A bucket without a single request counts as half of one.
    const floor = 0.5 / BUCKET_SECONDS;
    const value = this.#known === 0 ? null : round(Math.log(Math.max(floor, this.#sum / this.#known)));
    this.#sum = 0;
    this.#known = 0;
    this.#settling.push(value);
    if (this.#settling.length <= SETTLE) return;
    const settled = this.#settling.shift() ?? null;
    if (settled === null) return;
    learn(this.#curves.day, bucket - SETTLE, settled, DAY_GAIN);
    learn(this.#curves.week, bucket - SETTLE, settled, WEEK_GAIN);
  }
}

function learn(curve: (number | null)[], bucket: number, value: number, gain: number): void {
  const at = bucket % curve.length;
  const before = curve[at] ?? null;
  curve[at] = before === null ? value : round(before + gain * (value - before));
}

/** To a thousandth: a curve of a week stays small when it is saved. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
