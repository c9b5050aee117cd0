import type { HourCell } from './hour-table.js';

/** What a policy that knows all arrivals could do with fleets that change each hour and start at once. One pool. */
export interface OracleBounds {
  /** Workers of each hour: the fewest that keep it, the whole budget where nothing does. */
  hourly: number[];
  /** GPU-hours of that: a lower bound for keeping every hour with a fleet that is steady within hours. */
  hourlyGpuHours: number;
  /** Hours that the whole budget cannot keep. */
  cannot: number[];
  /** The fewest GPU-hours that keep the level over the whole run, whatever becomes of single hours; null: none do. */
  overallGpuHours: number | null;
}

/**
 * Lower bounds from the cells of one pool, in order of hours. The overall one is exact for the table: the most requests
 * that g worker-hours in all can serve, hour after hour (a multiple-choice knapsack by dynamic programming), and the
 * least g that serves enough.
 * @param gpusPerWorker a whole fleet's GPUs per decode worker; @param fixedGpus those of prefill workers, held all the time.
 */
export function oracleBounds(
  cells: readonly HourCell[],
  violationsAllowed: number,
  { gpusPerWorker, fixedGpus, floor }: { gpusPerWorker: number; fixedGpus: number; floor: number },
  lastHour: number,
): OracleBounds {
  const hourly = cells.map(({ need, attained }) => need ?? attained.length - 1);
  // The last hour may be a part of one.
  const lengths = cells.map((_, k) => (k === cells.length - 1 ? lastHour : 1));
  const hours = lengths.reduce((sum, length) => sum + length, 0);
  const gpuHours = (workers: readonly number[]) =>
    workers.reduce((sum, n, k) => sum + n * (lengths[k] ?? 1), 0) * gpusPerWorker + fixedGpus * hours;
  const arrivals = cells.reduce((sum, cell) => sum + cell.arrivals, 0);
  const overall = cheapest(cells, (1 - violationsAllowed) * arrivals, floor);
  return {
    hourly,
    hourlyGpuHours: gpuHours(hourly),
    cannot: cells.flatMap(({ hour, need }) => (need === null ? [hour] : [])),
    overallGpuHours: overall === null ? null : gpuHours(overall),
  };
}

/** Workers of each hour that serve enough at the fewest worker-hours; null: not even the most do. */
function cheapest(cells: readonly HourCell[], enough: number, floor: number): number[] | null {
  let served = [0];
  const chosen: Uint16Array[] = [];
  for (const { attained } of cells) {
    const most = attained.length - 1;
    const next = new Array<number>(served.length + most).fill(-1);
    const choice = new Uint16Array(next.length);
    for (const [g, before] of served.entries()) {
      if (before < 0) continue;
      for (let n = floor; n <= most; n++) {
        const total = before + (attained[n] ?? 0);
        if (total <= (next[g + n] ?? -1)) continue;
        next[g + n] = total;
        choice[g + n] = n;
      }
    }
    served = next;
    chosen.push(choice);
  }
  let g = served.findIndex((total) => total >= enough - 1e-6);
  if (g < 0) return null;
  const workers: number[] = [];
  for (const choice of chosen.toReversed()) {
    const n = choice[g] ?? 0;
    workers.push(n);
    g -= n;
  }
  return workers.reverse();
}
