import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { LogEntry, Sample, View } from '../../view.js';
import { Chart, type ChartShape } from '../charts/chart.js';
import { latencyShape, loadShape, replicaShape } from '../charts/shapes.js';
import { clock, stateName } from '../format.js';
import { Choice, Numbers } from '../parts.js';

const RANGES = [
  { name: '5 min', seconds: 300 },
  { name: '15 min', seconds: 900 },
  { name: '1 h', seconds: 3600 },
];
/** A decision is explained while the pointer is so near, seconds of the range's hundredths. */
const NEAR = 1.5;

/** Load with its forecast, replicas and latency of one level over time, with each scale action explained. */
export function TimeLines({
  view,
  samples,
  log,
}: {
  view: View;
  samples: readonly Sample[];
  log: readonly LogEntry[];
}) {
  const { status } = view;
  const [poolName, setPool] = useState(status.pools[0]?.name ?? '');
  const [range, setRange] = useState(300);
  const [hover, setHover] = useState<number | null>(null);
  const pool = status.pools.find(({ name }) => name === poolName);
  const from = status.atMs / 1000 - range;
  const shown = useMemo(() => samples.filter((sample) => sample.t / 1000 >= from), [samples, range]);
  const actions = useMemo(
    () =>
      log.filter(
        (entry) => entry.pool === poolName && entry.machine === 'planner' && entry.atMs / 1000 >= from,
      ),
    [log, poolName, range, Math.floor(from / 2)],
  );
  if (pool === undefined) return null;
  const forecast = view.forecasts[pool.name] ?? null;
  const shapes: ChartShape[] = [
    loadShape(shown, pool, forecast),
    replicaShape(shown, pool),
    latencyShape(shown, pool, 'ttft'),
    latencyShape(shown, pool, 'itl'),
  ];
  const window = {
    from,
    to: status.atMs / 1000 + (forecast?.leads.at(-1)?.seconds ?? 0) * (range <= 900 ? 1 : 0),
  };
  return (
    <section class="panel time-lines" aria-labelledby="time-lines">
      <header>
        <h2 id="time-lines">Over time</h2>
        <Choice
          label="Level"
          options={status.pools.map(({ name }) => ({ name, value: name }))}
          value={poolName}
          onChoose={setPool}
        />
        <Choice
          label="Range"
          options={RANGES.map(({ name, seconds }) => ({ name, value: seconds }))}
          value={range}
          onChoose={setRange}
        />
      </header>
      <div class="charts">
        {shapes.map((shape) => (
          <Chart
            key={shape.title}
            shape={shape}
            window={window}
            actions={actions}
            hover={hover}
            onHover={setHover}
          />
        ))}
      </div>
      <Explained actions={actions} hover={hover} near={(range / 100) * NEAR} />
    </section>
  );
}

/** The decision under the pointer, or the newest one. */
function Explained({
  actions,
  hover,
  near,
}: {
  actions: readonly LogEntry[];
  hover: number | null;
  near: number;
}) {
  const last = useRef<HTMLDivElement>(null);
  const nearest =
    hover === null
      ? actions.at(-1)
      : actions.reduce<LogEntry | undefined>((best, entry) => {
          const away = Math.abs(entry.atMs / 1000 - hover);
          if (away > near) return best;
          return best === undefined || away < Math.abs(best.atMs / 1000 - hover) ? entry : best;
        }, undefined);
  useEffect(() => {
    if (hover !== null && nearest !== undefined) last.current?.scrollIntoView({ block: 'nearest' });
  }, [nearest]);
  if (nearest === undefined) {
    return (
      <p class="muted explained">
        {actions.length === 0
          ? 'No decision in this time.'
          : 'Point at a mark to see the decision behind it.'}
      </p>
    );
  }
  return (
    <div class="explained" ref={last}>
      <p>
        <span class="muted">
          {hover === null ? 'Newest decision' : 'Decision'} at {clock(nearest.atMs)}
        </span>{' '}
        <strong>
          {nearest.from === nearest.to
            ? stateName(nearest.to)
            : `${stateName(nearest.from)} to ${stateName(nearest.to)}`}
        </strong>
        {nearest.order !== null && (
          <>
            {' '}
            <span class="tag">
              orders {nearest.order.prefill + nearest.order.decode}{' '}
              {nearest.order.prefill + nearest.order.decode === 1 ? 'worker' : 'workers'}
            </span>
          </>
        )}
        <br />
        {nearest.reason}
      </p>
      <Numbers numbers={nearest.numbers} />
    </div>
  );
}
