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

/** What many noisy samples say of one value, and its standard error. */
export interface Estimate {
  value: number;
  error: number;
}

/**
 * Mean of the middle half of some samples: bursts of other work do not move it. Its error is that of a trimmed mean,
 * the winsorized standard deviation over (1 - 2 x 0.25) sqrt n (Tukey and McLaughlin, 1963). No sample gives NaN.
 */
export function middleMean(samples: readonly number[]): Estimate {
  const sorted = [...samples].sort((a, b) => a - b);
  const cut = Math.floor(sorted.length / 4);
  const middle = sorted.slice(cut, sorted.length - cut);
  const [low = Number.NaN, high = Number.NaN] = [middle[0], middle.at(-1)];
  const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
  const pulledIn = sorted.map((one) => Math.min(high, Math.max(low, one)));
  const centre = mean(pulledIn);
  const squares = pulledIn.reduce((sum, one) => sum + (one - centre) ** 2, 0);
  const deviation = Math.sqrt(squares / (sorted.length - 1));
  return { value: mean(middle), error: deviation / (0.5 * Math.sqrt(sorted.length)) };
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
