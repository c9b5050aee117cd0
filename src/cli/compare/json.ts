import type { Comparison } from '../../simulator/compare/report.js';

/** A comparison without the series of its runs, which are 10,000 rows a week: what `compare --json` prints. */
export function comparisonJson(comparison: Comparison): unknown {
  return JSON.parse(
    JSON.stringify(comparison, (key, value: unknown) => (key === 'series' ? undefined : value)),
  );
}
