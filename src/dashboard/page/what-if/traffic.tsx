import type { Offer } from '../../what-if/view.js';
import { count } from '../format.js';
import { Choice } from '../parts.js';

type Kind = 'recorded' | 'scenario' | 'trace';

/** Which traffic is to be simulated, as it is chosen. */
export interface Traffic {
  kind: Kind;
  scenario: string;
  trace: string;
  /** Pool of a trace's rows that name no level; empty: spread over all. */
  pool: string;
  minutes: Record<Kind, string>;
  /** Times as many requests. */
  scale: string;
}

export function firstTraffic(offer: Offer): Traffic {
  return {
    kind: offer.recorded.requests > 0 ? 'recorded' : 'scenario',
    scenario: offer.scenarios[0]?.name ?? '',
    trace: offer.traces?.[0] ?? '',
    pool: '',
    minutes: { recorded: String(Math.max(1, offer.recorded.minutes)), scenario: '60', trace: '60' },
    scale: '1',
  };
}

/** The source as the gateway reads it. */
export function sourceOf({ kind, scenario, trace, pool, minutes }: Traffic): object {
  const long = Number(minutes[kind]);
  switch (kind) {
    case 'recorded':
      return { kind, minutes: long };
    case 'scenario':
      return { kind, name: scenario, minutes: long };
    case 'trace':
      return { kind, name: trace, minutes: long, ...(pool === '' ? {} : { pool }) };
  }
}

/** Why the chosen traffic cannot be simulated; null: it can. */
export function trafficTrouble(offer: Offer, { kind, minutes, scale }: Traffic): string | null {
  if (kind === 'recorded' && offer.recorded.requests === 0)
    return 'No request of the last hour is on record yet.';
  if (kind === 'trace' && offer.traces === null)
    return 'Set gateway.traces in the configuration to a folder of trace files.';
  if (kind === 'trace' && offer.traces?.length === 0) return 'The folder of traces is empty.';
  const most = kind === 'recorded' ? 60 : 1440;
  const long = Number(minutes[kind]);
  if (!Number.isInteger(long) || long < 1 || long > most) return `Minutes: expected 1 to ${most}.`;
  const times = Number(scale);
  if (!(times >= 0.01 && times <= 100)) return 'Times the traffic: expected 0.01 to 100.';
  return null;
}

export function TrafficFields({
  offer,
  traffic,
  onChoose,
}: {
  offer: Offer;
  traffic: Traffic;
  onChoose: (change: Partial<Traffic>) => void;
}) {
  const { recorded, scenarios, traces, pools } = offer;
  return (
    <div class="controls filters">
      <Choice
        label="Traffic"
        options={[
          { name: 'Last hour', value: 'recorded' as const },
          { name: 'Scenario', value: 'scenario' as const },
          { name: 'Trace', value: 'trace' as const },
        ]}
        value={traffic.kind}
        onChoose={(kind) => onChoose({ kind })}
      />
      {traffic.kind === 'recorded' && recorded.requests > 0 && (
        <span class="muted">
          {count(recorded.requests)} requests on record, the first {recorded.minutes} min ago
        </span>
      )}
      {traffic.kind === 'scenario' && (
        <label>
          Scenario
          <select
            value={traffic.scenario}
            onChange={(event) => onChoose({ scenario: event.currentTarget.value })}
          >
            {scenarios.map(({ name, title }) => (
              <option key={name} value={name}>
                {title}
              </option>
            ))}
          </select>
        </label>
      )}
      {traffic.kind === 'trace' && traces !== null && traces.length > 0 && (
        <>
          <label>
            File
            <select
              value={traffic.trace}
              onChange={(event) => onChoose({ trace: event.currentTarget.value })}
            >
              {traces.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label>
            Requests without a level
            <select value={traffic.pool} onChange={(event) => onChoose({ pool: event.currentTarget.value })}>
              <option value="">to all alike</option>
              {pools.map(({ name }) => (
                <option key={name} value={name}>
                  to {name}
                </option>
              ))}
            </select>
          </label>
        </>
      )}
      <label>
        Minutes
        <input
          type="number"
          min="1"
          step="1"
          value={traffic.minutes[traffic.kind]}
          onInput={(event) =>
            onChoose({ minutes: { ...traffic.minutes, [traffic.kind]: event.currentTarget.value } })
          }
        />
      </label>
      <label>
        Times the traffic
        <input
          type="number"
          min="0.01"
          step="any"
          value={traffic.scale}
          onInput={(event) => onChoose({ scale: event.currentTarget.value })}
        />
      </label>
    </div>
  );
}
