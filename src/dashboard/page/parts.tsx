import type { PoolStatus, SystemStatus } from '../../contract/status.js';
import { stateName } from './format.js';

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
