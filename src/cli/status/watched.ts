import type { LatencyFigures } from '../../contract/report.js';
import type { PoolStatus } from '../../contract/status.js';

/** The figure nearest to the watched percentile, from above. */
export function watched({ latencyPercentile }: PoolStatus, figures: LatencyFigures): number | null {
  if (latencyPercentile <= 50) return figures.p50;
  if (latencyPercentile <= 80) return figures.p80;
  if (latencyPercentile <= 90) return figures.p90;
  return latencyPercentile <= 95 ? figures.p95 : figures.p99;
}
