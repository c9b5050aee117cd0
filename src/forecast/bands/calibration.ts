import { z } from 'zod';
import type { CountNoise, Path } from '../path.js';
import { type Band, isIdle, largestBand } from './largest.js';
import { CELLS, ScoreTable } from './scores.js';

/** Leads whose forecasts are followed up; others use the nearest. */
const LEADS = [1, 2, 4, 8, 16, 32] as const;
/** What is followed up: the bin at each lead, and the largest of all bins up to it. */
const WINDOWS: readonly { from: number; to: number }[] = [
  ...LEADS.map((lead) => ({ from: lead, to: lead })),
  ...LEADS.slice(1).map((lead) => ({ from: 1, to: lead })),
];

/** Bins with traffic before which a model has hardly begun, and its forecasts tell nothing of later ones. */
const FIRST_BINS = 5;

/** A forecast that waits for its outcome. */
const openSchema = z.tuple([
  /** Which window. */
  z
    .number()
    .int()
    .min(0)
    .max(WINDOWS.length - 1),
  /** Bins seen since it was made. */
  z.number().int().min(0),
  /** Middle and spread that were forecast. */
  z.number(),
  z.number().min(0),
  /** Largest rate of the window so far. */
  z.number(),
]);
export const calibrationStateSchema = z.object({
  bins: z.number().int().min(0),
  /** Bins that had traffic. */
  busy: z.number().int().min(0),
  tables: z.array(z.array(z.number().min(0)).length(CELLS)).length(WINDOWS.length),
  open: z.array(openSchema),
});
type Open = z.output<typeof openSchema>;
type State = z.output<typeof calibrationStateSchema>;

/** Follows up forecasts, and says by how many spreads each quantile lies off the middle. */
export class Calibration {
  #bins: number;
  #busy: number;
  #tables: ScoreTable[];
  #open: Open[];

  constructor(state?: State) {
    this.#bins = state?.bins ?? 0;
    this.#busy = state?.busy ?? 0;
    this.#tables = WINDOWS.map((_, i) => new ScoreTable(state?.tables[i]));
    this.#open = [...(state?.open ?? [])];
  }

  /** Whether any bin had traffic. */
  get hasTraffic(): boolean {
    return this.#busy > 0;
  }

  /**
   * What came: scores the forecasts that it completes. A window with a bin that is not known says nothing, nor does a
   * beginning, however far it is from an idle forecast.
   */
  observe(rate: number | null, noise: CountNoise): void {
    this.#bins += 1;
    if (rate !== null && rate > 0) {
      if (!this.hasTraffic) this.#beginAnew();
      this.#busy += 1;
    }
    const open: Open[] = [];
    for (const [window, age, middle, spread, before] of this.#open) {
      const { from, to } = WINDOWS[window] ?? { from: 1, to: 1 };
      const lead = age + 1;
      if (lead >= from && rate === null) continue;
      const seen = lead < from ? before : Math.max(before, rate ?? 0);
      if (lead < to) open.push([window, lead, middle, spread, seen]);
      else if (!isIdle(middle, noise) || isIdle(seen, noise))
        this.#tables[window]?.add((seen - middle) / spread);
    }
    this.#open = open;
  }

  /** What idle bins said of the forecasts of no load says nothing of those of a load. */
  #beginAnew(): void {
    this.#tables = WINDOWS.map(() => new ScoreTable());
    this.#open = [];
  }

  /** Notes the forecasts that are due to be followed up; long ones less often, since they overlap. */
  note(path: (bins: number) => Path | null, noise: CountNoise): void {
    if (this.hasTraffic && this.#busy < FIRST_BINS) return;
    const due = WINDOWS.map(({ to }) => this.#bins % Math.max(1, Math.floor(to / 4)) === 0);
    const reach = WINDOWS.reduce((most, { to }, i) => (due[i] ? Math.max(most, to) : most), 0);
    const ahead = path(reach);
    if (ahead === null) return;
    for (const [window, { from, to }] of WINDOWS.entries()) {
      if (due[window] !== true) continue;
      const { middle, spread } = largestBand(ahead, noise, from, to);
      this.#open.push([window, 0, middle, spread, 0]);
    }
  }

  /** Quantiles of the largest rate of leads `from` to `to`, in spreads off the middle. */
  scores(from: number, to: number): { mean: number; quantile(p: number): number } {
    const nearest = nearestLead(to);
    const single = this.#tables[nearest] ?? new ScoreTable();
    // Between the one bin at a lead and all bins up to it, by how many of them are asked for.
    const share = to > 1 ? (to - from) / (to - 1) : 0;
    const all = nearest === 0 ? single : (this.#tables[LEADS.length + nearest - 1] ?? single);
    const mix = (a: number, b: number) => (1 - share) * a + share * b;
    return {
      mean: mix(single.mean, all.mean),
      quantile: (p) => mix(single.quantile(p), all.quantile(p)),
    };
  }

  save(): State {
    return {
      bins: this.#bins,
      busy: this.#busy,
      tables: this.#tables.map(({ weights }) => [...weights]),
      open: [...this.#open],
    };
  }
}

function nearestLead(lead: number): number {
  let best = 0;
  for (const [i, candidate] of LEADS.entries()) {
    if (Math.abs(Math.log(lead / candidate)) < Math.abs(Math.log(lead / (LEADS[best] ?? 1)))) best = i;
  }
  return best;
}

/** A band with calibrated quantiles, as a distribution of a rate. */
export function ratesOf(band: Band, scores: { mean: number; quantile(p: number): number }) {
  return {
    mean: Math.max(0, band.middle + scores.mean * band.spread),
    quantile: (p: number) => {
      if (!(p > 0 && p < 1)) throw new RangeError(`expected a probability between 0 and 1, got ${p}`);
      return Math.max(0, band.middle + scores.quantile(p) * band.spread);
    },
  };
}
