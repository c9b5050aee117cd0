import type { Config } from '../../../config/types.js';
import type { Comparison, RunOfPolicy, SeedFacts } from '../../../simulator/compare/report.js';
import { htmlDocument } from '../../page/document.js';
import { escaped, tag } from '../../page/svg.js';
import { thin } from '../../page/thin.js';
import { timeLines } from '../../page/time-lines.js';
import { cheapest, remarks, seedLines } from '../text/table.js';
import { bars } from './bars.js';
import { summary } from './summary.js';

const COLUMNS = 600;
const COLUMNS_EXPLAINED =
  'Kept: misses within what each level allows, over the run and in at least 98 % of the hours, and nothing lost. ' +
  'Of full: of the GPU-hours that the whole budget takes. ' +
  'X oracle: GPU-hours over the least that keeps every hour with fleets steady within hours. Of several seeds, shares are the ' +
  'least, GPU-hours and goodput the mean, reversals the sum.';

/** One policy as drawn: its published constants, or its best where that is another. */
interface Shown {
  label: string;
  title: string;
  run: RunOfPolicy;
}

/**
 * The comparison as one HTML file that needs nothing else: table, GPU-hours, and for each pool the time lines of every
 * policy at the first seed.
 */
export function comparisonPage(comparison: Comparison, config: Config): string {
  const { title, seeds, policies } = comparison;
  const [facts] = seeds;
  const shown = policies.flatMap(({ name, title: what, variants, best }) =>
    (best === 0 ? [0] : [0, best]).flatMap((place): Shown[] => {
      const run = variants[place]?.runs[0];
      return run === undefined ? [] : [{ label: place === 0 ? name : `${name} (best)`, title: what, run }];
    }),
  );
  const body = [
    tag('h1', {}, escaped(title)),
    ...seeds.map((one) => tag('p', {}, seedLines(comparison, one).map(escaped).join('<br>'))),
    tag('h2', {}, 'What each policy kept, and what it cost'),
    tag('div', { class: 'scroll' }, summary(comparison)),
    tag('p', {}, escaped(COLUMNS_EXPLAINED)),
    tag(
      'ul',
      {},
      remarks(comparison)
        .map((line) => tag('li', {}, escaped(line)))
        .join(''),
    ),
    tag('p', {}, tag('b', {}, escaped(cheapest(comparison)))),
    tag('h2', {}, 'GPU-hours, of the whole budget'),
    tag('div', { class: 'card' }, bars(barsOf(comparison), boundOf(seeds))),
    tag('div', { class: 'legend' }, `${key('green', 'every level kept')}${key('red', 'a level broken')}`),
    ...(facts === undefined
      ? []
      : Object.keys(config.pools).map((pool) => poolSection(pool, shown, facts, config))),
  ].join('\n');
  return htmlDocument(`${title}: policies compared`, body);
}

function barsOf({ policies, seeds }: Comparison): Parameters<typeof bars>[0] {
  return policies.flatMap(({ name, variants, best }) =>
    (best === 0 ? [0] : [0, best]).flatMap((place) => {
      const variant = variants[place];
      if (variant === undefined) return [];
      const label = place === 0 ? name : `${name} (best)`;
      return [{ name: label, share: variant.ofStaticFull.mean, kept: variant.keeps === seeds.length }];
    }),
  );
}

/** The oracle's hourly bound as a share of static full, on average over the seeds. */
function boundOf(seeds: readonly SeedFacts[]): number | null {
  const shares = seeds.flatMap(({ bounds, staticGpuHours }) => {
    if (bounds === null) return [];
    return (
      Object.values(bounds).reduce((sum, { hourlyGpuHours }) => sum + hourlyGpuHours, 0) / staticGpuHours
    );
  });
  return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

function poolSection(name: string, shown: readonly Shown[], facts: SeedFacts, config: Config): string {
  const pool = config.pools[name];
  if (pool === undefined || (facts.arrivals[name]?.requests ?? 0) === 0) return '';
  const drawn = shown.flatMap(({ label, title, run }) => {
    const outcome = run.pools[name];
    return outcome === undefined ? [] : [{ label, title, outcome, columns: thin(outcome.series, COLUMNS) }];
  });
  // Where capacity is known, the load stands against the GPUs that sustain it.
  const sustained = Object.values(facts.peaks).find((peak) => peak.pool === name)?.sustainableRps ?? 0;
  const mostRps = Math.max(sustained, ...drawn.flatMap(({ columns }) => columns.map(({ rps }) => rps)));
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const panels = drawn.map(({ label, title, outcome, columns }) => {
    const { verdict, attainment, violationsAllowed, gpuHours } = outcome;
    const kept = verdict.overall && verdict.hourly;
    const words =
      `${percent(attainment)} attained of ${percent(1 - violationsAllowed)} needed, ` +
      `${verdict.hours.kept} of ${verdict.hours.judged} hours kept, ${gpuHours.toFixed(1)} GPU-hours`;
    const head = `${escaped(label)} ${tag('span', { class: kept ? 'yes' : 'no' }, kept ? 'kept' : 'broken')} ${tag('small', {}, escaped(`${words}. ${title}`))}`;
    const chart = timeLines({
      columns,
      hours: facts.hours,
      mostGpus: pool.gpuBudget.ceiling,
      mostRps,
      ttftTarget: pool.targets.ttftSeconds,
      itlTarget: pool.targets.itlSeconds,
      missed: verdict.hours.missed,
      excused: facts.excused[name] ?? [],
    });
    return `${tag('h3', {}, head)}${tag('div', { class: 'card' }, chart)}`;
  });
  const legend = [
    key('blue-soft', 'GPUs leased'),
    key('blue', 'of ready workers'),
    key('amber', 'requests/s'),
    key('green', `TTFT p${pool.latencyPercentile} over ${pool.targets.ttftSeconds} s`),
    key('violet', `ITL p${pool.latencyPercentile} over ${pool.targets.itlSeconds * 1000} ms`),
    key('red-soft', 'hour not kept'),
    key('grey-soft', 'hour that the whole budget does not keep'),
  ];
  return [
    tag('h2', {}, `Pool ${escaped(name)}, seed ${facts.seed}`),
    tag('div', { class: 'legend' }, legend.join('')),
    ...panels,
  ].join('\n');
}

function key(color: string, text: string): string {
  return tag('span', {}, `<i style="background:var(--${color})"></i>${escaped(text)}`);
}
