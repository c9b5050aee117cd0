import { useState } from 'preact/hooks';
import type { SystemStatus } from '../../../contract/status.js';
import type { PoolFigures, RunResult, RunView } from '../../what-if/view.js';
import { Chart } from '../charts/chart.js';
import { clock, count, percent, usd } from '../format.js';
import { Choice, hueOf } from '../parts.js';
import { shapesOf } from './shapes.js';

/** Both runs: what they come to by level, and one level over time. */
export function Result({ run, result, status }: { run: RunView; result: RunResult; status: SystemStatus }) {
  return (
    <>
      <section class="panel" aria-labelledby="what-if-result">
        <header>
          <h2 id="what-if-result">As configured and changed</h2>
          <span class="muted">{count(result.requests)} requests, simulated twice</span>
        </header>
        <section class="scroll" tabIndex={0} aria-label="Both runs by level, scrolls">
          <Table result={result} status={status} />
        </section>
        {result.notes.map((note) => (
          <p key={note} class="muted note">
            {note}.
          </p>
        ))}
      </section>
      <OverTime key={run.id} result={result} />
    </>
  );
}

function Table({ result, status }: { result: RunResult; status: SystemStatus }) {
  const { configured, changed } = result;
  return (
    <table class="plain compared">
      <caption class="hidden">Attainment, GPU-hours and cost of both runs by level</caption>
      <thead>
        <tr>
          <td />
          <th scope="colgroup" colSpan={2}>
            In time
          </th>
          <th scope="colgroup" colSpan={2}>
            GPU-hours
          </th>
          <th scope="colgroup" colSpan={2}>
            Cost
          </th>
        </tr>
        <tr>
          <th scope="col">Level</th>
          {['In time', 'GPU-hours', 'Cost'].flatMap((what) => [
            <th key={`${what} before`} scope="col">
              configured
            </th>,
            <th key={what} scope="col">
              changed
            </th>,
          ])}
        </tr>
      </thead>
      <tbody>
        {Object.entries(configured.pools).map(([pool, before]) => {
          const after = changed.pools[pool] ?? before;
          return (
            <tr key={pool}>
              <th scope="row" class={`hued ${hueOf(status, pool)}`}>
                {pool}
              </th>
              <InTime figures={before} />
              <InTime figures={after} />
              <td>{hours(before.gpuHours)}</td>
              <td class={toneOf(before.gpuHours, after.gpuHours)}>{hours(after.gpuHours)}</td>
              <td>{usd(before.usd)}</td>
              <td class={toneOf(before.usd, after.usd)}>{usd(after.usd)}</td>
            </tr>
          );
        })}
        <tr class="sum">
          <th scope="row">all</th>
          <td colSpan={2} />
          <td>{hours(configured.gpuHours)}</td>
          <td class={toneOf(configured.gpuHours, changed.gpuHours)}>{hours(changed.gpuHours)}</td>
          <td>{usd(configured.usd)}</td>
          <td class={toneOf(configured.usd, changed.usd)}>{usd(changed.usd)}</td>
        </tr>
      </tbody>
    </table>
  );
}

/** Green where the promise was kept, red where it was not; the words say so, too. */
function InTime({ figures: { attainment, promised } }: { figures: PoolFigures }) {
  if (attainment === null) return <td class="muted">no request</td>;
  const kept = attainment >= promised;
  return (
    <td>
      <b class={kept ? 'good' : 'bad'}>{percent(attainment, 2)}</b>{' '}
      <span class="muted">
        {kept ? 'needs' : 'below'} {percent(promised)}
      </span>
    </td>
  );
}

/** Less is better. */
function toneOf(before: number, after: number): string {
  if (Math.abs(after - before) < 0.005 * Math.max(before, after)) return '';
  return after < before ? 'good' : 'bad';
}

function hours(value: number): string {
  return value.toFixed(2);
}

function OverTime({ result }: { result: RunResult }) {
  const { configured, changed, beganAtMs } = result;
  const pools = Object.keys(configured.pools);
  const [name, setPool] = useState(pools[0] ?? '');
  const [hover, setHover] = useState<number | null>(null);
  const [before, after] = [configured.pools[name], changed.pools[name]];
  if (before === undefined || after === undefined) return null;
  const from = (beganAtMs ?? 0) / 1000;
  const timeText = beganAtMs === null ? elapsed : (at: number) => clock(at * 1000);
  const length = Math.max(before.lines.at.at(-1) ?? 0, after.lines.at.at(-1) ?? 0);
  const shapes = shapesOf({ configured: before, changed: after, timeText, from });
  return (
    <section class="panel time-lines" aria-labelledby="what-if-lines">
      <header>
        <h2 id="what-if-lines">Over time</h2>
        <Choice
          label="Level"
          options={pools.map((pool) => ({ name: pool, value: pool }))}
          value={name}
          onChoose={setPool}
        />
      </header>
      <div class="charts">
        {shapes.map((shape) => (
          <Chart
            key={shape.title}
            shape={shape}
            window={{ from, to: from + Math.max(1, length) }}
            actions={[]}
            hover={hover}
            onHover={setHover}
          />
        ))}
      </div>
      <div class="controls moment-of">
        <label>
          Read at{' '}
          <input
            type="range"
            min={from}
            max={from + length}
            step="any"
            value={hover ?? from}
            aria-valuetext={hover === null ? 'no moment' : timeText(hover)}
            onInput={(event) => setHover(Number(event.currentTarget.value))}
          />
        </label>
        <span class="moment">{hover === null ? '' : timeText(hover)}</span>
      </div>
    </section>
  );
}

/** Hours, minutes and seconds from the begin. */
function elapsed(at: number): string {
  const whole = Math.round(at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
}
