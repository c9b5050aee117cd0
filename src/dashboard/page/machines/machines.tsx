import { useEffect, useRef, useState } from 'preact/hooks';
import { clock, span, stateName } from '../format.js';
import { hueOf, Numbers, StatePill } from '../parts.js';
import type { Known } from '../store.js';
import { drawingOf } from './drawings.js';
import { download, standalone } from './export.js';
import { isOf, lastChange, type MachineAt, machinesAt, machinesNow } from './moment.js';
import { Statechart } from './statechart.js';

/** A transition runs for so long after it was taken. */
const FRESH_MS = 4_000;
const SHOWN = 100;

/** Every machine that lives as a statechart, what happened to it, and any moment before. */
export function Machines({ known }: { known: Known }) {
  const { view, log, samples } = known;
  const [chosen, choose] = useState<string | null>(null);
  const [atMs, rewind] = useState<number | null>(null);
  useLiveKey(() => rewind(null));
  if (view === null) return null;
  const { status } = view;
  const pools = status.pools.map(({ name }) => name);
  const machines = atMs === null ? machinesNow(status) : machinesAt(atMs, pools, log, samples);
  const machine = machines.find(({ id }) => id === chosen) ?? machines[0];
  const at = atMs ?? status.atMs;
  const first = Math.min(log[0]?.atMs ?? status.atMs, samples[0]?.t ?? status.atMs);
  return (
    <>
      <h1 class="hidden">Machines</h1>
      <section class="panel rewind" aria-label="Moment">
        <span class={`moment ${atMs === null ? 'good' : 'warn'}`} role="status">
          {atMs === null ? 'Live' : `${clock(atMs)}, ${span((status.atMs - atMs) / 1000)} ago`}
        </span>
        <input
          type="range"
          aria-label="Rewind to a recorded moment"
          aria-valuetext={atMs === null ? 'live' : clock(atMs)}
          min={Math.floor(first / 1000)}
          max={Math.floor(status.atMs / 1000)}
          value={Math.floor(at / 1000)}
          onInput={(event) => {
            const value = Number(event.currentTarget.value) * 1000;
            rewind(value >= Math.floor(status.atMs / 1000) * 1000 ? null : value);
          }}
        />
        <button type="button" class="quiet" disabled={atMs === null} onClick={() => rewind(null)}>
          Live again <kbd>L</kbd>
        </button>
      </section>
      <section class="mini-machines" aria-label="All machines">
        {machines.map((one) => (
          <button
            key={one.id}
            type="button"
            class={`mini ${hueOf(status, one.pool)}`}
            aria-pressed={one.id === machine?.id}
            onClick={() => choose(one.id)}
          >
            <span class="mini-name">{one.name}</span>
            <Statechart
              drawing={drawingOf(one.kind)}
              state={one.state}
              taken={null}
              name={one.name}
              silent={one.silent}
              small
            />
            <MachinePill machine={one} />
          </button>
        ))}
      </section>
      {machine !== undefined && (
        <Focus
          machine={machine}
          at={at}
          live={atMs === null}
          known={known}
          onRewind={(ms) => {
            rewind(ms);
          }}
        />
      )}
    </>
  );
}

/** One machine large, with its log. */
function Focus({
  machine,
  at,
  live,
  known,
  onRewind,
}: {
  machine: MachineAt;
  at: number;
  live: boolean;
  known: Known;
  onRewind: (ms: number) => void;
}) {
  const chart = useRef<HTMLElement>(null);
  const { log } = known;
  const drawing = drawingOf(machine.kind);
  const last = lastChange(machine, at, log);
  const taken =
    last === undefined
      ? null
      : { from: last.from, to: last.to, key: `${last.atMs}`, fresh: at - last.atMs < FRESH_MS };
  const entries = log.filter((entry) => isOf(entry, machine) && entry.atMs <= at + 999);
  const file = machine.id.replace(/[^\w-]/g, '-');
  useEffect(() => bringToView(chart.current), [machine.id, machine.state]);
  const json = () =>
    JSON.stringify({ machine, atMs: at, graph: { ...drawing, mermaid: undefined }, log: entries }, null, 2);
  return (
    <div class="focus">
      <section class="panel" aria-labelledby="machine-name">
        <header>
          <h2 id="machine-name">{machine.name}</h2>
          <MachinePill machine={machine} />
          {machine.silent && <span class="muted">was {stateName(machine.state)}</span>}
          {!live && <span class="warn">as of {clock(at)}</span>}
          <span class="spring" />
          <span class="muted">Export</span>
          <button
            type="button"
            class="quiet"
            onClick={() => download(`${file}.mmd`, 'text/plain', drawing.mermaid)}
          >
            Mermaid
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => {
              const svg = chart.current?.querySelector('svg');
              if (svg != null) download(`${file}.svg`, 'image/svg+xml', standalone(svg));
            }}
          >
            SVG
          </button>
          <button
            type="button"
            class="quiet"
            onClick={() => download(`${file}.json`, 'application/json', json())}
          >
            JSON
          </button>
        </header>
        <section ref={chart} class="chart-box" tabIndex={0} aria-label="Statechart, scrolls">
          <Statechart
            drawing={drawing}
            state={machine.state}
            taken={taken}
            name={machine.name}
            silent={machine.silent}
          />
        </section>
      </section>
      <section class="panel" aria-labelledby="machine-log">
        <header>
          <h2 id="machine-log">What happened</h2>
        </header>
        {entries.length === 0 && <p class="muted">Nothing on record.</p>}
        <ol class="log" tabIndex={0} aria-label="Log, newest first, scrolls">
          {entries
            .slice(-SHOWN)
            .reverse()
            .map((entry) => (
              <li key={entry.key}>
                <button
                  type="button"
                  class="when"
                  onClick={() => onRewind(entry.atMs)}
                  title="Rewind to this moment"
                >
                  {clock(entry.atMs)}
                </button>
                <div>
                  <strong>
                    {entry.from === entry.to
                      ? stateName(entry.to)
                      : `${stateName(entry.from)} → ${stateName(entry.to)}`}
                  </strong>{' '}
                  <code class="muted">{entry.event}</code>{' '}
                  {entry.order !== null && (
                    <span class="tag">
                      order {entry.order.generation}: {workers(entry.order.prefill + entry.order.decode)}
                    </span>
                  )}
                  <p>{entry.reason}</p>
                  {Object.keys(entry.numbers).length > 0 && (
                    <details>
                      <summary>Numbers</summary>
                      <Numbers numbers={entry.numbers} />
                    </details>
                  )}
                </div>
              </li>
            ))}
        </ol>
      </section>
    </div>
  );
}

function MachinePill({ machine }: { machine: MachineAt }) {
  return machine.silent ? <span class="pill s-degraded">silent</span> : <StatePill state={machine.state} />;
}

/** Where a chart is wider than its box, the state that is lit is brought to the middle. */
function bringToView(box: HTMLElement | null): void {
  const lit = box?.querySelector('[data-lit=true]')?.getBoundingClientRect();
  if (box === null || lit === undefined) return;
  const { left, width } = box.getBoundingClientRect();
  box.scrollLeft += lit.left + lit.width / 2 - left - width / 2;
}

function workers(count: number): string {
  return `${count} worker${count === 1 ? '' : 's'}`;
}

/** One key from any moment back to now, unless it is being typed into a field. */
function useLiveKey(live: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing = event.target instanceof HTMLInputElement && event.target.type !== 'range';
      if (event.key.toLowerCase() === 'l' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey)
        live();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}
