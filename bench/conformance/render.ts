import type { ConformanceReport } from './run.js';

/** Pass and fail counts by group as a table, then the failures with what was wrong. */
export function renderReport(report: ConformanceReport): string {
  const rows = Object.entries(report.groups).map(([name, counts]) => [
    name,
    String(counts.passed),
    String(counts.failed),
  ]);
  rows.push(['total', String(report.passed), String(report.failed)]);
  const lines = table([['group', 'passed', 'failed'], ...rows]);
  for (const failure of report.failures) {
    lines.push('', `${failure.id}:`, ...failure.problems.map((problem) => `  ${problem}`));
  }
  return lines.join('\n');
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
}
