import { useState } from 'preact/hooks';
import { REQUEST_STATES, type RequestDetail, type RequestRow } from '../../request-view.js';
import { clock, count, seconds, usd } from '../format.js';
import { hueOf } from '../parts.js';
import type { Known } from '../store.js';
import { usePolled } from './polled.js';
import { Waterfall } from './waterfall.js';

/** The newest requests, found by what they are; one of them as a waterfall. */
export function Requests({ known: { view } }: { known: Known }) {
  const [filter, setFilter] = useState({ id: '', level: '', tenant: '', state: '' });
  const [chosen, choose] = useState<string | null>(null);
  const [live, setLive] = useState(true);
  const query = new URLSearchParams(filter).toString();
  const { value, problem } = usePolled<{ requests: RequestRow[] }>(`/dashboard/requests?${query}`, live);
  const rows = value?.requests ?? [];
  if (view === null) return null;
  const field = (name: keyof typeof filter) => (event: { currentTarget: { value: string } }) =>
    setFilter({ ...filter, [name]: event.currentTarget.value });
  const levels = [...new Set(view.status.pools.map(({ level }) => level))];
  return (
    <>
      <h1 class="hidden">Requests</h1>
      <section class="panel" aria-labelledby="request-list">
        <header class="filters">
          <h2 id="request-list">Requests</h2>
          <label>
            <span>Id</span>
            <input type="search" value={filter.id} onInput={field('id')} />
          </label>
          <label>
            <span>Level</span>
            <select value={filter.level} onChange={field('level')}>
              <option value="">all</option>
              {levels.map((level) => (
                <option key={level}>{level}</option>
              ))}
            </select>
          </label>
          <label>
            <span>State</span>
            <select value={filter.state} onChange={field('state')}>
              <option value="">all</option>
              {REQUEST_STATES.map((state) => (
                <option key={state}>{state}</option>
              ))}
            </select>
          </label>
          <label>
            <span>Tenant</span>
            <input type="search" value={filter.tenant} onInput={field('tenant')} />
          </label>
          <button type="button" class="quiet" aria-pressed={live} onClick={() => setLive(!live)}>
            Live tail {live ? 'on' : 'off'}
          </button>
        </header>
        {problem !== null && (
          <p role="alert" class="bad">
            {problem}
          </p>
        )}
        {chosen !== null && <Chosen key={chosen} id={chosen} live={live} onClose={() => choose(null)} />}
        <section class="scroll" tabIndex={0} aria-label="Requests, scrolls">
          <table class="plain requests">
            <caption class="hidden">The newest requests that fit</caption>
            <thead>
              <tr>
                <th scope="col">Accepted</th>
                <th scope="col">Id</th>
                <th scope="col">Level</th>
                <th scope="col">Tenant</th>
                <th scope="col">State</th>
                <th scope="col">Tokens</th>
                <th scope="col">TTFT</th>
                <th scope="col">ITL</th>
                <th scope="col">In time</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.id} class={hueOf(view.status, row.pool)}>
                  <td>{clock(row.acceptedAtMs)}</td>
                  <td>
                    <button type="button" class="when" onClick={() => choose(row.id)}>
                      {row.id}
                    </button>
                  </td>
                  <td class="hued">
                    {row.level}
                    {row.relegatedFrom === null ? '' : ` (asked: ${row.relegatedFrom})`}
                  </td>
                  <td>{row.tenant ?? '–'}</td>
                  <td
                    class={row.state === 'failed' || row.state === 'expired' ? 'bad' : ''}
                    title={row.reason ?? ''}
                  >
                    {row.state}
                  </td>
                  <td>
                    {count(row.isl)} + {count(row.osl)}
                  </td>
                  <td>{seconds(row.ttftSeconds)}</td>
                  <td>{seconds(row.itlSeconds)}</td>
                  <td class={row.attained === null ? '' : row.attained ? 'good' : 'bad'}>
                    {row.attained === null ? '–' : row.attained ? 'yes' : 'no'}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        {rows.length === 0 && <p class="muted">No request fits.</p>}
        <p class="muted">
          GPU time costs {usd(pricePerHour(view.status.total))} an hour a GPU; a request pays its share of it.
        </p>
      </section>
    </>
  );
}

/** One request, as it is for as long as it is open. */
function Chosen({ id, live, onClose }: { id: string; live: boolean; onClose: () => void }) {
  const { value, problem } = usePolled<RequestDetail>(`/dashboard/requests/${encodeURIComponent(id)}`, live);
  return (
    <>
      {problem !== null && (
        <p role="alert" class="bad">
          {problem}
        </p>
      )}
      {value !== null && <Waterfall request={value} onClose={onClose} />}
    </>
  );
}

function pricePerHour({ usdPerHour, gpusHeld }: { usdPerHour: number; gpusHeld: number }): number | null {
  return gpusHeld === 0 ? null : usdPerHour / gpusHeld;
}
