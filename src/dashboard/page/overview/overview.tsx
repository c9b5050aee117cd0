import type { SystemStatus } from '../../../contract/status.js';
import { count, percent, rate, usd } from '../format.js';
import type { Known } from '../store.js';
import { GpuMap } from './gpu-map.js';
import { LevelCard } from './level-card.js';
import { TimeLines } from './time-lines.js';

/** Whether every level keeps its promise, what its planner does, who holds which GPU, and what it costs. */
export function Overview({ known }: { known: Known }) {
  const { view, samples, log } = known;
  if (view === null) return null;
  const { status } = view;
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <Summary status={status} />
      <section class="cards" aria-label="Service levels">
        {status.pools.map((pool) => (
          <LevelCard key={pool.name} pool={pool} status={status} samples={samples} view={view} />
        ))}
      </section>
      <GpuMap status={status} />
      <TimeLines view={view} samples={samples} log={log} />
    </>
  );
}

function Summary({ status }: { status: SystemStatus }) {
  const { pools, total } = status;
  const known = pools.filter(({ budget }) => budget.minute.attainment !== null);
  const kept = known.filter(({ budget, violationsAllowed }) => {
    return (budget.minute.attainment ?? 0) >= 1 - violationsAllowed - 1e-9;
  });
  const saved = total.staticGpuHours > 0 ? total.savedGpuHours / total.staticGpuHours : null;
  const arrivals = pools.map((pool) => pool.arrivalsPerSecond).filter((value) => value !== null);
  const broken = known.length - kept.length;
  return (
    <dl class="summary" aria-label="In short">
      <Figure
        name="Promises kept, last minute"
        value={known.length === 0 ? 'no request ended' : `${kept.length} of ${known.length}`}
        tone={known.length === 0 ? '' : broken > 0 ? 'bad' : 'good'}
      />
      <Figure
        name="Requests per second"
        value={arrivals.length === 0 ? rate(null) : rate(arrivals.reduce((sum, value) => sum + value, 0))}
        note={`${count(total.rejected)} refused`}
      />
      <Figure name="GPUs held" value={`${total.gpusHeld} of ${total.gpus}`} />
      <Figure
        name="Cost per hour"
        value={usd(total.usdPerHour)}
        note={`static ${usd(total.staticUsdPerHour)}`}
      />
      <Figure
        name="Saved against static"
        value={percent(saved, 0)}
        note={`${usd(total.costUsd)} spent in all`}
      />
    </dl>
  );
}

function Figure({
  name,
  value,
  note,
  tone = '',
}: {
  name: string;
  value: string;
  note?: string;
  tone?: string;
}) {
  return (
    <div class={`figure ${tone}`}>
      <dt>{name}</dt>
      <dd>
        <span class="value">{value}</span>
        {note !== undefined && <span class="note">{note}</span>}
      </dd>
    </div>
  );
}
