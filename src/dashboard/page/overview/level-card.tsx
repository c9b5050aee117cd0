import type { BudgetStatus, PoolStatus, SystemStatus, WorkerStatus } from '../../../contract/status.js';
import type { Sample, View } from '../../view.js';
import { watched } from '../../watched.js';
import { count, DASH, percent, rate, seconds, span, stateName, usd } from '../format.js';
import { hueOf, Meter, PlannerPill, plannerTrouble } from '../parts.js';
import { Spark } from './spark.js';

const SPARK_MS = 5 * 60_000;

/** One level: its promise, its planner, its load, its workers and its cost. */
export function LevelCard({
  pool,
  status,
  samples,
  view,
}: {
  pool: PoolStatus;
  status: SystemStatus;
  samples: readonly Sample[];
  view: View;
}) {
  const need = 1 - pool.violationsAllowed;
  const { attainment } = pool.budget.minute;
  const kept = attainment === null ? null : attainment >= need - 1e-9;
  const trouble = plannerTrouble(status, pool);
  const recent = samples.filter((sample) => sample.t > status.atMs - SPARK_MS);
  return (
    <article
      class={`card ${hueOf(status, pool.name)}`}
      aria-labelledby={`level-${pool.name}`}
      data-pool={pool.name}
    >
      <header>
        <div>
          <h2 id={`level-${pool.name}`}>{pool.name}</h2>
          <p class="muted">{pool.description}</p>
        </div>
        <div class="state">
          <PlannerPill status={status} pool={pool} />
          <span class="muted">
            {trouble === null
              ? sinceText(pool, status)
              : `${trouble.ageSeconds === null ? 'not heard' : `for ${span(trouble.ageSeconds)}`}, was ${stateName(pool.planner.state)}`}
          </span>
        </div>
      </header>

      <div class="promise">
        <div class={`attained ${kept === null ? '' : kept ? 'good' : 'bad'}`}>
          <span class="big">{attainment === null ? 'no request' : percent(attainment)}</span>
          <span class="muted">
            {attainment === null
              ? 'ended in the last minute'
              : `in time in the last minute, ${percent(need, 0)} promised`}
          </span>
        </div>
        <Spark
          values={recent.map((sample) => sample.p[pool.name]?.in ?? null)}
          label={`Arrivals of the last five minutes, now ${rate(pool.arrivalsPerSecond)} a second`}
        />
      </div>

      <table class="budget">
        <caption class="hidden">Error budget of {pool.name}</caption>
        <thead>
          <tr>
            <th scope="col">Over</th>
            <th scope="col">In time</th>
            <th scope="col">Error budget left</th>
            <th scope="col">Burn rate</th>
          </tr>
        </thead>
        <tbody>
          <BudgetRow name="1 min" budget={pool.budget.minute} need={need} />
          <BudgetRow name="1 h" budget={pool.budget.hour} need={need} />
          <BudgetRow name="24 h" budget={pool.budget.day} need={need} />
        </tbody>
      </table>

      <div class="latencies">
        <Latency
          name="TTFT"
          pool={pool}
          value={watched(pool, pool.minute.ttftSeconds)}
          target={pool.targets.ttftSeconds}
        />
        <Latency
          name="ITL"
          pool={pool}
          value={watched(pool, pool.minute.itlSeconds)}
          target={pool.targets.itlSeconds}
        />
      </div>

      <dl class="row">
        <Small name="Arriving" value={`${rate(pool.arrivalsPerSecond)}/s`} />
        <Small name="Queued" value={count(pool.queue.waiting)} />
        <Small name="Running" value={count(pool.queue.running)} />
        <Small name="Refused" value={count(pool.counts.refused)} />
        {pool.counts.relegated > 0 && (
          <Small
            name="Relegated"
            value={count(pool.counts.relegated)}
            title="Sent on to a lower level because they would have begun too late"
          />
        )}
        <Small name="Cost" value={`${usd(status.levels[pool.level]?.usdPerHour)}/h`} />
        <Small name="1k tokens" value={usd(status.levels[pool.level]?.usdPerThousandTokens)} />
        <Small
          name="Scaling efficiency"
          value={percent(pool.scaling.efficiency)}
          title="GPU-seconds in use of those leased, since the start"
        />
        <Small
          name={`TP ${pool.tensorParallel.degree ?? DASH} efficiency`}
          value={percent(pool.tensorParallel.efficiency)}
          title="Tokens per second and GPU against a worker of one GPU, by the profile"
        />
        <Small
          name="GPUs in use"
          value={percent(pool.utilization.now)}
          title="Busy share of the GPUs that it holds now"
        />
      </dl>

      <Workers pool={pool} />
      <p class="why">
        <span class="muted">Planner:</span> {lastReason(view, pool.name)}
      </p>
    </article>
  );
}

function sinceText(pool: PoolStatus, status: SystemStatus): string {
  if (pool.planner.sinceMs === null) return 'no record yet';
  return `for ${span((status.atMs - pool.planner.sinceMs) / 1000)}`;
}

function BudgetRow({ name, budget, need }: { name: string; budget: BudgetStatus; need: number }) {
  const { attainment, left, burnRate, requests } = budget;
  const tone = left === null ? 'none' : left < 0 ? 'bad' : left < 0.25 ? 'warn' : 'good';
  return (
    <tr title={`${count(requests)} requests ended`}>
      <th scope="row">{name}</th>
      <td class={attainment === null ? 'muted' : attainment >= need - 1e-9 ? 'good' : 'bad'}>
        {percent(attainment)}
      </td>
      <td>
        <span class="budget-left">
          <Meter value={left} tone={tone} label={`${percent(left, 0)} left`} />
          <span class={left !== null && left < 0 ? 'bad' : ''}>{percent(left, 0)}</span>
        </span>
      </td>
      <td class={burnRate !== null && burnRate > 1 ? 'bad' : ''}>
        {burnRate === null ? '–' : `${burnRate.toFixed(1)}×`}
      </td>
    </tr>
  );
}

function Latency({
  name,
  pool,
  value,
  target,
}: {
  name: string;
  pool: PoolStatus;
  value: number | null;
  target: number;
}) {
  // The target stands at two thirds of the bar.
  const scale = target * 1.5;
  const late = value !== null && value > target;
  const text = `${name} p${pool.latencyPercentile} ${seconds(value)} of ${seconds(target)}`;
  return (
    <div class="latency">
      <span class="name">
        {name} <span class="muted">p{pool.latencyPercentile}</span>
      </span>
      <Meter
        value={value === null ? null : value / scale}
        limit={2 / 3}
        tone={value === null ? 'none' : late ? 'bad' : 'good'}
        label={text}
      />
      <span class="value">
        <span class={late ? 'bad' : ''}>{seconds(value)}</span>{' '}
        <span class="muted">of {seconds(target)}</span>
      </span>
    </div>
  );
}

function Small({ name, value, title }: { name: string; value: string; title?: string }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Workers({ pool }: { pool: PoolStatus }) {
  const { each, desired, shortage } = pool.workers;
  const number = (state: WorkerStatus['state']) => each.filter((worker) => worker.state === state).length;
  const wanted = desired === null ? null : desired.prefill + desired.decode;
  const parts = [
    `${number('ready')} ready`,
    `${number('starting')} starting`,
    `${number('draining')} draining`,
  ];
  return (
    <div class="workers">
      <span class="worker-dots" aria-hidden="true">
        {each.map((worker) => (
          <span key={worker.id} class={`worker ${worker.state}`} title={`${worker.id}: ${worker.state}`} />
        ))}
        {each.length === 0 && <span class="muted">no worker</span>}
      </span>
      <span>
        {parts.join(', ')}
        {wanted !== null && <span class="muted"> of {wanted} ordered</span>}
        {shortage !== null && shortage !== 'none' && <span class="bad"> short by {shortage}</span>}
      </span>
    </div>
  );
}

function lastReason(view: View, pool: string): string {
  const last = Object.values(view.log).findLast(
    (entry) => entry.machine === 'planner' && entry.pool === pool,
  );
  return last?.reason ?? 'no decision on record yet';
}
