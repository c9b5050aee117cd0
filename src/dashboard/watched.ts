import type { LatencyFigures } from '../contract/report.js';
import type { PoolStatus } from '../contract/status.js';

/** The figure nearest to the pool's watched percentile, from above, seconds; null: no request had one. */
export function watched(
  { latencyPercentile }: Pick<PoolStatus, 'latencyPercentile'>,
  figures: LatencyFigures,
): number | null {
  if (latencyPercentile <= 50) return figures.p50;
  if (latencyPercentile <= 80) return figures.p80;
  if (latencyPercentile <= 90) return figures.p90;
  return latencyPercentile <= 95 ? figures.p95 : figures.p99;
}
