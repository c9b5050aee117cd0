import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { LogEntry } from '../../view.js';
import { clock } from '../format.js';
import { colour, onTheme } from '../theme.js';
import type { ChartShape, Column } from './shapes.js';

export type { ChartShape } from './shapes.js';

const HEIGHT = 170;
/** Between two marks of an axis of whole values. */
const WHOLE_STEPS = [0, 1, 2, 3, 4, 5].flatMap((digits) => [1, 2, 5].map((step) => step * 10 ** digits));
const FONT = '11px system-ui, sans-serif';

interface ChartProps {
  shape: ChartShape;
  /** Seconds. */
  window: { from: number; to: number };
  actions: readonly LogEntry[];
  /** The time under the pointer, here or in another chart. */
  hover: number | null;
  onHover: (time: number | null) => void;
}

/** A chart over time with the planner's decisions marked; drawn on a canvas, so a day of updates adds no elements. */
export function Chart(props: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const now = useRef(props);
  now.current = props;

  useEffect(() => {
    const box = place.current;
    if (box === null) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(now, box.clientWidth), dataOf(now.current.shape), box);
    };
    make();
    const sized = new ResizeObserver(() => {
      if (plot.current?.width !== box.clientWidth)
        plot.current?.setSize({ width: box.clientWidth, height: HEIGHT });
    });
    sized.observe(box);
    const forget = onTheme(make);
    return () => {
      sized.disconnect();
      forget();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [props.shape.title, props.shape.lines.length]);

  useEffect(() => {
    plot.current?.setData(dataOf(props.shape), true);
  });

  const legend = props.shape.lines.filter(({ width }) => width !== 0);
  return (
    <figure class="chart">
      <figcaption>
        <span>{props.shape.title}</span>
        <span class="legend">
          {legend.map((line) => (
            <span key={line.name}>
              <i class={`line-${line.colour} ${line.dash === undefined ? '' : 'dashed'}`} /> {line.name}{' '}
              <b>{valueAt(props.shape, line.values, props.hover)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div class="plot" ref={place} role="img" aria-label={props.shape.summary} />
    </figure>
  );
}

function ofDay(seconds: number): string {
  return clock(seconds * 1000);
}

function dataOf({ times, lines }: ChartShape): uPlot.AlignedData {
  return [times, ...lines.map(({ values }) => values)];
}

function options(now: { current: ChartProps }, width: number): uPlot.Options {
  const { shape } = now.current;
  const muted = colour('muted');
  const steps = uPlot.paths.stepped?.({ align: 1 });
  const grid = { stroke: colour('grid'), width: 1 };
  const axis = { stroke: muted, font: FONT, grid, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { points: { size: 6 }, drag: { x: false, y: false }, y: false },
    scales: {
      x: { time: true, range: () => [now.current.window.from, now.current.window.to] },
      y: { range: (_plot, _low, high) => [0, Math.max(high ?? 0, 1e-9) * 1.12] },
    },
    axes: [
      { ...axis, space: 70, size: 24, values: (_plot, ticks) => ticks.map(shape.timeText ?? ofDay) },
      {
        ...axis,
        size: 54,
        space: 36,
        values: (_plot, ticks) => ticks.map((value) => shape.format(value)),
        ...(shape.whole === true ? { incrs: WHOLE_STEPS } : {}),
      },
    ],
    series: [
      {},
      ...shape.lines.map(
        (line): uPlot.Series => ({
          label: line.name,
          stroke: colour(line.colour),
          width: line.width ?? 1.5,
          points: { show: false },
          ...(line.dash === undefined ? {} : { dash: line.dash }),
          ...(line.fill === true ? { fill: `${colour(line.colour)}26` } : {}),
          ...(line.stepped === true && steps !== undefined ? { paths: steps } : {}),
        }),
      ),
    ],
    ...(shape.band === undefined ? {} : { bands: [{ series: shape.band, fill: `${colour('band')}33` }] }),
    hooks: {
      draw: [(plot) => drawActions(plot, now.current)],
      setCursor: [
        (plot) => {
          const { left } = plot.cursor;
          const outside = left == null || left < 0;
          now.current.onHover(outside ? null : plot.posToVal(left, 'x'));
        },
      ],
    },
  };
}

/** A line for each decision, full where it ordered workers, and a mark at its foot. */
function drawActions(plot: uPlot, { actions, hover }: ChartProps): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  for (const { atMs, order, from, to } of actions) {
    const x = plot.valToPos(atMs / 1000, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    if (order === null && from === to) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(`state-${to}`) || colour('muted');
    ctx.globalAlpha = order === null ? 0.35 : 0.8;
    ctx.lineWidth = ratio;
    ctx.setLineDash(order === null ? [2 * ratio, 3 * ratio] : []);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (order === null) continue;
    ctx.beginPath();
    ctx.moveTo(x - 4 * ratio, bbox.top);
    ctx.lineTo(x + 4 * ratio, bbox.top);
    ctx.lineTo(x, bbox.top + 6 * ratio);
    ctx.fill();
  }
  if (hover !== null) {
    const x = plot.valToPos(hover, 'x', true);
    ctx.globalAlpha = 0.6;
    ctx.setLineDash([]);
    ctx.strokeStyle = colour('muted');
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

/** The value at a time, or the newest. */
function valueAt({ times, format, over }: ChartShape, values: Column, time: number | null): string {
  if (time === null && over === true) return '';
  let at = values.length - 1;
  if (time === null) while (at > 0 && values[at] == null) at--;
  else {
    at = nearest(times, time);
    while (at > 0 && values[at] === undefined) at--;
  }
  const value = values[at] ?? null;
  return value === null ? '' : format(value);
}

function nearest(times: readonly number[], time: number): number {
  let best = 0;
  for (const [at, each] of times.entries()) {
    if (Math.abs(each - time) < Math.abs((times[best] ?? 0) - time)) best = at;
  }
  return best;
}
