import { quantile } from '../support/stats.js';
import type { Percentiles } from './types.js';

export function percentiles(samples: readonly number[]): Percentiles {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q: number) => quantile(sorted, q);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
