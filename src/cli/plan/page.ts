import { type FleetOutcome, type PoolPlan, workersOf } from '../../simulator/plan/fleets.js';
import { htmlDocument } from '../page/document.js';
import { escaped, linear, path, tag, ticks } from '../page/svg.js';
import type { PlanAnswer } from './answer.js';
import { percent, renderPlan } from './text.js';

const WIDTH = 1080;
const HEIGHT = 230;
const LEFT = 58;
const RIGHT = 24;
const TOP = 16;
const BOTTOM = 40;

/** The answer as one HTML file that needs nothing else: each pool's share in time against its GPUs, then the tables. */
export function planPage(answer: PlanAnswer): string {
  const { gpus, pools } = answer;
  const title = `sluice plan: ${answer.file}`;
  const split = pools.map(({ pool, fixed, scaled }) =>
    tag('li', {}, escaped(`${pool}: ${gpuCount(fixed)} fixed, ${gpuCount(scaled)} as the planner's ceiling`)),
  );
  const total = `${gpus.fixed ?? 'No answer for'} GPUs in all, fixed; ${gpus.scaled ?? 'no answer'} as ceilings of the planner; ${gpus.configured} are configured.`;
  const legend = [
    key('green', 'fixed fleet that keeps the level'),
    key('red', 'that does not'),
    key('blue', "ceiling at which Sluice's planner keeps it"),
  ];
  const body = [
    tag('h1', {}, escaped(title)),
    tag('p', {}, escaped(total)),
    tag('ul', {}, split.join('')),
    tag('div', { class: 'legend' }, legend.join('')),
    ...pools.map((plan) => {
      const words = `${plan.requests} requests; ${percent(1 - plan.violationsAllowed)} must have a TTFT within ${plan.targets.ttftSeconds} s and an ITL within ${plan.targets.itlSeconds} s`;
      const head = tag('h3', {}, `${escaped(plan.pool)} <small>${escaped(words)}</small>`);
      const why = plan.inWords === null ? '' : tag('p', { class: 'no' }, escaped(plan.inWords));
      return `${head}${why}${tag('div', { class: 'card' }, attainmentCurve(plan))}`;
    }),
    tag('h2', {}, 'In figures'),
    tag('div', { class: 'scroll' }, tag('pre', {}, escaped(renderPlan(answer)))),
  ].join('\n');
  return htmlDocument(title, body);
}

/** Share of the requests in time against GPUs, from what the smallest fleet reached up to all. */
function attainmentCurve({ curve, scaled, fixed, violationsAllowed }: PoolPlan): string {
  const drawn = scaled === null ? curve : [...curve, scaled];
  const sizes = drawn.map(({ gpus }) => gpus);
  const needed = 1 - violationsAllowed;
  // The scale begins at a round share below all that is drawn.
  const least = Math.min(needed, ...drawn.map(({ attainment }) => attainment));
  const from = Math.max(0, Math.floor(least * 10 - 0.5) / 10);
  const x = linear([Math.min(...sizes) - 0.5, Math.max(...sizes) + 0.5], [LEFT, WIDTH - RIGHT]);
  const y = linear([from, 1], [HEIGHT - BOTTOM, TOP]);
  const dot = (fleet: FleetOutcome, colour: string, r: number, of: string) =>
    tag(
      'circle',
      { cx: x(fleet.gpus), cy: y(fleet.attainment), r, fill: `var(--${colour})` },
      tag(
        'title',
        {},
        escaped(
          `${fleet.gpus} GPUs ${fleet.prefillWorkers > 0 ? `(${workersOf(fleet)}) ` : ''}${of}: ${percent(fleet.attainment)} in time, ${fleet.gpuHours.toFixed(2)} GPU-hours`,
        ),
      ),
    );
  const parts = [
    ...ticks(1, 10)
      .filter((share) => share >= from - 1e-9)
      .map((share) => level(y(share), 'grid', `${Math.round(100 * share)} %`)),
    tag('line', { class: 'target', x1: LEFT, x2: WIDTH - RIGHT, y1: y(needed), y2: y(needed) }),
    label(LEFT + 6, y(needed) + 13, `${percent(needed)} needed`, 'start'),
    tag('path', {
      d: path(curve.map(({ gpus, attainment }) => [x(gpus), y(attainment)])),
      fill: 'none',
      stroke: 'var(--soft)',
    }),
    ...curve.map((fleet) => dot(fleet, fleet.kept ? 'green' : 'red', fleet === fixed ? 7 : 4, 'fixed')),
    ...(scaled === null ? [] : [dot(scaled, 'blue', 5, "as the planner's ceiling")]),
    ...[...new Set(sizes)].map((gpus) => label(x(gpus), HEIGHT - BOTTOM + 16, String(gpus), 'middle')),
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, 'GPUs', 'middle'),
  ];
  return tag(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': 'share in time against GPUs' },
    parts.join(''),
  );
}

function level(y: number, name: string, text: string): string {
  return (
    tag('line', { class: name, x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }) +
    label(LEFT - 8, y + 3.5, text, 'end')
  );
}

function label(x: number, y: number, text: string, anchor: string): string {
  return tag('text', { class: 'label', x, y, 'text-anchor': anchor }, escaped(text));
}

function key(colour: string, text: string): string {
  return tag('span', {}, `<i style="background:var(--${colour})"></i>${escaped(text)}`);
}

function gpuCount(fleet: FleetOutcome | null): string {
  return fleet === null ? 'no answer' : `${fleet.gpus} GPU${fleet.gpus === 1 ? '' : 's'}`;
}
