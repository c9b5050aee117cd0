import type { Comparison, RunOfPolicy, SeedFacts, VariantReport } from '../../../simulator/compare/report.js';
import { alignedTable } from '../../report/table.js';

/** The comparison for a reader: what came, a row for each policy, then the verdict. */
export function renderComparison(comparison: Comparison): string {
  const lines: string[] = [];
  for (const facts of comparison.seeds) lines.push(...seedLines(comparison, facts), '');
  lines.push(...alignedTable(comparisonRows(comparison)), '', ...verdictLines(comparison));
  return `${lines.join('\n')}\n`;
}

/** What came at one seed, in lines. */
export function seedLines({ title, sources, coldStartSeconds }: Comparison, facts: SeedFacts): string[] {
  const lines = [
    `${title}, seed ${facts.seed}: ${facts.hours.toFixed(1)} h, cold start ${coldStartSeconds} s, load from ${sources.join(', ')}`,
  ];
  for (const [pool, figures] of Object.entries(facts.arrivals)) {
    if (figures.requests === 0) continue;
    const peak = figures.peakMinuteRps / figures.meanRps;
    const { dispersion, meanIsl, meanOsl } = figures;
    lines.push(
      `  ${pool}: ${figures.requests} requests, ${short(figures.meanRps)}/s, busiest minute ${peak.toFixed(2)} x mean, ` +
        `index of dispersion at 1 s ${dispersion === null ? '-' : short(dispersion)}, ISL ${meanIsl.toFixed(0)}, OSL ${meanOsl.toFixed(0)} on average`,
    );
    const scaled = Object.values(facts.peaks).find((one) => one.pool === pool);
    if (scaled !== undefined)
      lines.push(
        `    ${scaled.workers} workers sustain ${short(scaled.sustainableRps)}/s (measured; by formula ${short(scaled.formulaRps)}/s), ` +
          `peak at ${scaled.ofCapacity} of that: ${short(scaled.peakRps)}/s`,
      );
    const excused = facts.excused[pool] ?? [];
    if (excused.length > 0)
      lines.push(
        `    ${excused.length} hours that the whole budget cannot keep are left out: ${excused.join(', ')}`,
      );
  }
  return lines;
}

const HEADER = [
  'POLICY',
  'KEPT',
  'GPU-HOURS',
  'OF FULL',
  'X ORACLE',
  'COST',
  'POOL',
  'ATTAINED',
  'NEED',
  'HOURS KEPT',
  'WORST HOUR',
  'WORST MIN',
  'GOODPUT',
  'TOKENS',
  'REV',
];

/** The header, then a row for each policy and pool. */
export function comparisonRows({ policies, seeds }: Comparison): string[][] {
  const lines = [HEADER];
  for (const { name, variants, best } of policies) {
    for (const place of best === 0 ? [0] : [0, best]) {
      const variant = variants[place];
      if (variant === undefined) continue;
      lines.push(...variantRows(place === 0 ? name : `${name} (best)`, variant, seeds));
    }
  }
  return lines;
}

function variantRows(name: string, variant: VariantReport, facts: readonly SeedFacts[]): string[][] {
  const [first] = variant.runs;
  const seeds = facts.length;
  if (first === undefined) return [];
  return Object.keys(first.pools).map((pool, k) => {
    const of = variant.runs.flatMap((run) => run.pools[pool] ?? []);
    const least = (values: number[]) => Math.min(...values);
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    const mean = (values: number[]) => sum(values) / Math.max(1, values.length);
    const kept = of.map(({ verdict }) => verdict.hours.kept);
    const judged = of.map(({ verdict }) => verdict.hours.judged);
    const whole =
      k > 0
        ? ['', '', '', '', '', '']
        : [
            name,
            keptText(variant, seeds),
            variant.gpuHours.mean.toFixed(2),
            spreadText(variant.ofStaticFull, seeds),
            oracleText(variant, facts),
            `$${mean(variant.runs.map(({ costUsd }) => costUsd)).toFixed(0)}`,
          ];
    return [
      ...whole,
      pool,
      percent(least(of.map(({ attainment }) => attainment))),
      percent(1 - (of[0]?.violationsAllowed ?? 0)),
      `${sum(kept)}/${sum(judged)}`,
      percent(least(of.map(({ verdict }) => verdict.hours.worst?.attainment ?? 1))),
      percent(least(of.map(({ worstMinute }) => worstMinute?.attainment ?? 1))),
      short(mean(of.map(({ goodputRps }) => goodputRps))),
      percent(mean(of.map(({ tokenAttainment }) => tokenAttainment))),
      String(sum(of.map(({ reversals }) => reversals))),
    ];
  });
}

/** GPU-hours over the oracle's hourly bound, on average over the seeds. */
function oracleText({ runs }: VariantReport, facts: readonly SeedFacts[]): string {
  const shares = facts.flatMap(({ seed, bounds }) => {
    const run = runs.find((one) => one.seed === seed);
    if (bounds === null || run === undefined || run.stopped) return [];
    const least = Object.values(bounds).reduce((sum, { hourlyGpuHours }) => sum + hourlyGpuHours, 0);
    return least > 0 ? [run.gpuHours / least] : [];
  });
  return shares.length === 0 ? '-' : (shares.reduce((sum, x) => sum + x, 0) / shares.length).toFixed(2);
}

function keptText({ keeps, runs }: VariantReport, seeds: number): string {
  if (seeds === 1 && keeps === 0 && runs[0]?.stopped === true) return 'stopped';
  if (seeds === 1) return keeps === 1 ? 'yes' : 'no';
  return `${keeps} of ${seeds}`;
}

function spreadText({ mean, min, max }: { mean: number; min: number; max: number }, seeds: number): string {
  return seeds === 1 ? mean.toFixed(3) : `${mean.toFixed(3)} (${min.toFixed(3)}-${max.toFixed(3)})`;
}

function verdictLines(comparison: Comparison): string[] {
  return [
    'KEPT: misses within what each level allows, over the run and in at least 98 % of the hours, nothing lost. OF FULL: of the',
    'GPU-hours that the whole budget takes. Shares of several seeds are the least, GPU-hours and goodput the mean, others the sum.',
    ...remarks(comparison),
    cheapest(comparison),
  ];
}

/** The constants of each policy's best variant, and what runs had to say. */
export function remarks({ policies, seeds }: Comparison): string[] {
  const lines: string[] = [];
  for (const { name, variants, best } of policies) {
    const variant = variants[best];
    if (best > 0 && variant !== undefined)
      lines.push(`${name} (best): ${JSON.stringify(variant.constants)} of a grid of ${variants.length}`);
    for (const shown of new Set([0, best]))
      for (const run of variants[shown]?.runs ?? [])
        if (run.note !== null) lines.push(noteLine(shown === 0 ? name : `${name} (best)`, run, seeds.length));
  }
  return lines;
}

/** Which policy keeps everything at the least cost. */
export function cheapest({ policies, seeds }: Comparison): string {
  const kept = policies
    .flatMap(({ name, variants, best }) => {
      const variant = variants[best];
      return variant !== undefined && variant.keeps === seeds.length
        ? [{ name, hours: variant.gpuHours.mean }]
        : [];
    })
    .sort((a, b) => a.hours - b.hours);
  const [first] = kept;
  return first === undefined
    ? 'No policy keeps every level at every seed.'
    : `Fewest GPU-hours with every level kept at every seed: ${first.name}, ${first.hours.toFixed(2)}.`;
}

function noteLine(name: string, run: RunOfPolicy, seeds: number): string {
  return `${name}${seeds === 1 ? '' : `, seed ${run.seed}`}: ${run.note}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
