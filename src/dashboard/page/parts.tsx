import type { PoolStatus, SystemStatus } from '../../contract/status.js';
import type { LogEntry } from '../view.js';
import { number, stateName } from './format.js';

/** The colour of a pool, by its place among them. */
export function hueOf(status: SystemStatus, pool: string | null): string {
  const at = status.pools.findIndex(({ name }) => name === pool);
  return at < 0 ? 'none' : `h${at % 6}`;
}

export function StatePill({ state }: { state: string | null }) {
  return (
    <span class={`pill s-${state ?? 'unknown'}`} data-state={state ?? 'unknown'}>
      {stateName(state)}
    </span>
  );
}

/** The planner as its role tells; null: it lives. */
export function plannerTrouble(status: SystemStatus, pool: PoolStatus): { ageSeconds: number | null } | null {
  const roles = status.roles.filter(({ role }) => role === `planner ${pool.name}`);
  if (roles.some(({ state }) => state === 'alive')) return null;
  return { ageSeconds: roles[0]?.ageSeconds ?? null };
}

/** Where a planner is, as far as it is heard: what it was is not shown as what it is. */
export function PlannerPill({ status, pool }: { status: SystemStatus; pool: PoolStatus }) {
  if (plannerTrouble(status, pool) !== null) return <span class="pill s-degraded">planner silent</span>;
  return (
    <>
      {pool.planner.holds?.advisory === true && <span class="pill">advisory</span>}
      <StatePill state={pool.planner.state} />
    </>
  );
}

/** A share of a whole as a bar, with a mark where the limit is. */
export function Meter({
  value,
  limit,
  tone,
  label,
}: {
  /** 0..1; beyond 1 the bar is full. */
  value: number | null;
  /** 0..1 */
  limit?: number;
  tone: 'good' | 'warn' | 'bad' | 'none';
  label: string;
}) {
  const width = value === null ? 0 : Math.min(1, Math.max(0, value));
  return (
    <span class={`meter ${tone}`} role="img" aria-label={label}>
      <span class="fill" style={{ width: `${(width * 100).toFixed(1)}%` }} />
      {limit !== undefined && <span class="limit" style={{ left: `${(limit * 100).toFixed(1)}%` }} />}
    </span>
  );
}

/** The numbers of a decision, by name. */
export function Numbers({ numbers }: { numbers: LogEntry['numbers'] }) {
  const entries = Object.entries(numbers).filter(([, value]) => value !== null);
  if (entries.length === 0) return null;
  return (
    <dl class="numbers">
      {entries.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'number' ? number(value) : String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Choice<T extends string | number>({
  label,
  options,
  value,
  onChoose,
}: {
  label: string;
  options: readonly { name: string; value: T }[];
  value: T;
  onChoose: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="hidden">{label}</legend>
      {options.map((option) => (
        <button
          key={String(option.value)}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChoose(option.value)}
        >
          {option.name}
        </button>
      ))}
    </fieldset>
  );
}
