import { type OracleBounds, oracleBounds } from '../../simulator/compare/bounds.js';
import type { HourCell } from '../../simulator/compare/hour-table.js';
import type { PolicyRunResult } from '../../simulator/compare/run.js';
import { type ExcusedHours, poolVerdict } from '../../simulator/compare/verdict.js';
import type { SimulateOptions } from '../../simulator/run/options.js';

export interface OracleParts {
  simulation: SimulateOptions;
  /** Hours that are counted. */
  hours: number;
  excused: ExcusedHours;
  cells: () => Promise<readonly HourCell[]>;
  /** Runs the workers of each hour, by pool. */
  follow: (schedule: Record<string, readonly number[]>) => Promise<PolicyRunResult>;
}

export interface OracleResult extends PolicyRunResult {
  bounds: Record<string, OracleBounds>;
}

/** A schedule of single hours may miss where one hour leaves the next a queue: such hours get a worker more, so often. */
const REPAIRS = 2;

/** The bounds, and a run that follows the hourly one: a schedule that exists, cold starts and drains paid for. */
export async function oracle(parts: OracleParts): Promise<OracleResult> {
  const { simulation, hours, excused } = parts;
  const cells = [...(await parts.cells())].sort((a, b) => a.hour - b.hour);
  const bounds = Object.fromEntries(
    Object.values(simulation.config.pools).map((pool) => {
      const own = cells.filter((cell) => cell.pool === pool.name);
      const tp = simulation.engines[pool.name]?.tp ?? { vllm: 1, prefill: 1 };
      const prefill = pool.disaggregation.enabled === true ? pool.disaggregation.prefillWorkers : 0;
      const sizes = { gpusPerWorker: tp.vllm, fixedGpus: prefill * tp.prefill, floor: pool.minWorkers };
      const lastHour = Math.min(1, Math.max(0, hours - (own.length - 1)));
      return [pool.name, oracleBounds(own, pool.violationsAllowed, sizes, lastHour)];
    }),
  );
  const most = (pool: string) => (cells.find((cell) => cell.pool === pool)?.attained.length ?? 1) - 1;
  const schedule = Object.fromEntries(
    Object.entries(bounds).map(([pool, { hourly }]) => [pool, [...hourly]]),
  );
  let result = await parts.follow(schedule);
  let raised = 0;
  for (let round = 0; round < REPAIRS; round++) {
    let again = false;
    for (const [name, pool] of Object.entries(result.outcome.pools)) {
      const plan = schedule[name] ?? [];
      for (const missed of poolVerdict(pool, excused[name]).hours.missed) {
        const workers = plan[missed] ?? 0;
        if (workers >= most(name)) continue;
        plan[missed] = workers + 1;
        raised++;
        again = true;
      }
    }
    if (!again) break;
    result = await parts.follow(schedule);
  }
  return { ...result, note: noteOf(bounds, raised), bounds };
}

function noteOf(bounds: Record<string, OracleBounds>, raised: number): string {
  const texts = Object.entries(bounds).map(([pool, { hourlyGpuHours, overallGpuHours, cannot }]) => {
    const overall =
      overallGpuHours === null
        ? 'nothing keeps the whole run'
        : `${overallGpuHours.toFixed(2)} to keep the whole run whatever becomes of single hours`;
    const impossible = cannot.length === 0 ? '' : `; ${cannot.length} hours cannot be kept`;
    return `${pool}: at least ${hourlyGpuHours.toFixed(2)} GPU-hours to keep every hour, ${overall}${impossible}`;
  });
  const extra = raised === 0 ? '' : `; the run has a worker more in ${raised} hours, which then are kept`;
  return `${texts.join('; ')}${extra}`;
}
