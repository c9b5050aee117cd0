import type { SeriesRow } from '../../simulator/run/series.js';

/** A stretch of a series, for one column of a chart. */
export interface Column {
  atHours: number;
  /** Requests per second. */
  rps: number;
  /** GPUs of workers that are ready, and of all workers. */
  readyGpus: number;
  leasedGpus: number;
  /** Highest in the stretch, seconds; null: none completed. */
  ttftSeconds: number | null;
  itlSeconds: number | null;
}

/** A series in at most so many columns: means, but the highest latencies. */
export function thin(series: readonly SeriesRow[], most: number): Column[] {
  // What came after the last whole interval is the end of the load, not a rate.
  const whole = series.slice(0, -1);
  const size = Math.max(1, Math.ceil(whole.length / most));
  const columns: Column[] = [];
  for (let k = 0; k < whole.length; k += size) {
    const rows = whole.slice(k, k + size);
    const [first] = rows;
    if (first === undefined) continue;
    const until = series[k + size]?.atSeconds ?? (rows.at(-1)?.atSeconds ?? 0) + 60;
    const mean = (of: (row: SeriesRow) => number) =>
      rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
    const arrivals = rows.reduce((sum, row) => sum + row.arrivals, 0);
    columns.push({
      atHours: first.atSeconds / 3600,
      rps: arrivals / Math.max(1, until - first.atSeconds),
      readyGpus: mean(readyGpus),
      leasedGpus: mean((row) => row.leasedGpus),
      ttftSeconds: highest(rows.map((row) => row.ttftSeconds)),
      itlSeconds: highest(rows.map((row) => row.itlSeconds)),
    });
  }
  return columns;
}

function readyGpus({ leasedGpus, readyWorkers, startingWorkers, drainingWorkers }: SeriesRow): number {
  const workers = readyWorkers + startingWorkers + drainingWorkers;
  return workers === 0 ? 0 : (leasedGpus * readyWorkers) / workers;
}

function highest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
