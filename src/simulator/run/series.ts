import type { PlannerState } from '../../contract/transition.js';
import { CountSketch } from './count-sketch.js';
import type { JobEnd } from './tally.js';

/** One pool in one interval of the run. Requests count in the interval in which they came, whenever they ended. */
export interface SeriesRow {
  /** Seconds from the load's start to the interval's. */
  atSeconds: number;
  pool: string;
  arrivals: number;
  /** Ended with their SLO met, and 0..1 of the interval's requests; null: none came. */
  attained: number;
  attainment: number | null;
  /** At the pool's watched percentile, seconds; null: none completed. */
  ttftSeconds: number | null;
  /** The same; null: none completed with two tokens. */
  itlSeconds: number | null;
  /** At the end of the interval. */
  readyWorkers: number;
  startingWorkers: number;
  drainingWorkers: number;
  leasedGpus: number;
  /** GPU-hours held during the interval. */
  gpuHours: number;
  /** Requests waiting in the pool's queues, and at workers. */
  queued: number;
  running: number;
  state: PlannerState;
}

/** What is counted of one interval while it runs and until all its requests have ended. */
export interface IntervalTally {
  row: SeriesRow;
  open: number;
  over: boolean;
  sketches: Sketches | null;
}

interface Sketches {
  ttft: CountSketch;
  itl: CountSketch;
}

/** The time series of one pool. Only intervals with open requests hold a sketch. */
export class PoolSeries {
  readonly rows: SeriesRow[] = [];
  readonly #spare: Sketches[] = [];
  current: IntervalTally;

  constructor(
    private readonly pool: string,
    private readonly quantile: number,
  ) {
    this.current = this.#begin(0);
  }

  arrival(): IntervalTally {
    const { current } = this;
    current.row.arrivals++;
    current.open++;
    return current;
  }

  ended(tally: IntervalTally, end: JobEnd): void {
    if (end.attained) tally.row.attained++;
    if (end.ttftPlace >= 0) tally.sketches?.ttft.addAt(end.ttftPlace);
    if (end.itlPlace >= 0) tally.sketches?.itl.addAt(end.itlPlace);
    tally.open--;
    if (tally.over && tally.open === 0) this.#close(tally);
  }

  /** The interval is over; `seen` is how the pool stands. */
  turn(seen: Partial<SeriesRow>, nextAtSeconds: number): void {
    const { current } = this;
    Object.assign(current.row, seen);
    current.over = true;
    this.rows.push(current.row);
    if (current.open === 0) this.#close(current);
    this.current = this.#begin(nextAtSeconds);
  }

  /** All rows, now that nothing more will end. */
  finish(): SeriesRow[] {
    for (const row of this.rows)
      if (row.arrivals > 0 && row.attainment === null) row.attainment = row.attained / row.arrivals;
    return this.rows;
  }

  #begin(atSeconds: number): IntervalTally {
    const row: SeriesRow = {
      atSeconds,
      pool: this.pool,
      arrivals: 0,
      attained: 0,
      attainment: null,
      ttftSeconds: null,
      itlSeconds: null,
      readyWorkers: 0,
      startingWorkers: 0,
      drainingWorkers: 0,
      leasedGpus: 0,
      gpuHours: 0,
      queued: 0,
      running: 0,
      state: 'idle',
    };
    const sketches = this.#spare.pop() ?? { ttft: new CountSketch(), itl: new CountSketch() };
    return { row, open: 0, over: false, sketches };
  }

  #close(tally: IntervalTally): void {
    const { row, sketches } = tally;
    row.attainment = row.arrivals === 0 ? null : row.attained / row.arrivals;
    if (sketches === null) return;
    row.ttftSeconds = sketches.ttft.quantile(this.quantile);
    row.itlSeconds = sketches.itl.quantile(this.quantile);
    sketches.ttft.clear();
    sketches.itl.clear();
    this.#spare.push(sketches);
    tally.sketches = null;
  }
}
