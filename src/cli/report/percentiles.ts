import type { LatencyFigures } from '../../contract/report.js';

/**
 * The q-th percentile (0..100) of sorted samples by nearest rank: the smallest sample with at least q percent of all
 * samples at or below it. null when there is none.
 */
export function percentile(sorted: readonly number[], q: number): number | null {
  if (sorted.length === 0) return null;
  const rank = Math.max(1, Math.ceil((q / 100) * sorted.length - 1e-9));
  return sorted[Math.min(rank, sorted.length) - 1] ?? null;
}

/** Mean and exact percentiles of samples in seconds, rounded to the microsecond. */
export function latencyFigures(samples: readonly number[]): LatencyFigures {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q: number) => rounded(percentile(sorted, q));
  const mean = sorted.length === 0 ? null : sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { mean: rounded(mean), p50: at(50), p80: at(80), p90: at(90), p95: at(95), p99: at(99) };
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e6) / 1e6;
}
