/** Smallest, middle and largest of some samples. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  return { min: sorted[0] ?? Number.NaN, median: quantile(sorted, 0.5), max: sorted.at(-1) ?? Number.NaN };
}

/** Quantile of sorted samples, nearest rank. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** A value asked of a measurement, and whether it was reached. */
export interface Row {
  what: string;
  unit: string;
  reference: Spread;
  sluice: Spread;
  /** Ratio or difference of the two, by round. */
  compared: Spread;
  comparedAs: 'ratio' | 'added';
  reach: string;
  reached: boolean;
}

export function printTable(rows: readonly Row[], referenceName: string): string {
  const header = ['', referenceName, 'Sluice', 'compared', 'reach', ''];
  const lines = rows.map((row) => [
    `${row.what} (${row.unit})`,
    show(row.reference),
    show(row.sluice),
    `${show(row.compared)} ${row.comparedAs}`,
    row.reach,
    row.reached ? 'reached' : 'MISSED',
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...lines].map((line) => line[i]?.length ?? 0)));
  const format = (line: string[]) =>
    line
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [format(header), ...lines.map(format), '', 'Each cell: min / median / max of the rounds.'].join(
    '\n',
  );
}

function show({ min, median, max }: Spread): string {
  return [min, median, max].map(short).join(' / ');
}

function short(value: number): string {
  const size = Math.abs(value);
  return size >= 1000 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(3);
}
