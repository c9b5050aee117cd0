import { z } from 'zod';
import type { ForecastStatus, RoleStatus } from '../contract/status.js';
import { parseStored } from '../gpu/stored.js';

const figure = z.number().nullable().optional();
/** What a planner reckons with: requests/s, over the seconds ahead that it plans for. */
const planSchema = z.object({
  rps: figure,
  capacityRps: figure,
  forecastRps: figure,
  forecastSd: figure,
  horizonSeconds: figure,
});

/** What holds for a planner now: its floor of workers, and whether it only plans. */
const holdsSchema = z.object({ floor: z.number().int().min(0), advisory: z.boolean() });

/** What each role writes of itself; a supervisor also tells of the processes it keeps. */
export const roleBeatSchema = z.object({
  role: z.string(),
  pid: z.number().int(),
  atMs: z.number(),
  pool: z.string().optional(),
  url: z.string().optional(),
  plan: planSchema.optional(),
  holds: holdsSchema.optional(),
  roles: z
    .array(z.object({ name: z.string(), pid: z.number().int().nullable(), restarts: z.number().int() }))
    .optional(),
});
type RoleBeat = z.output<typeof roleBeatSchema> & { id: string };

/** A role that died is shown for so long, unless another took its place. */
const REMEMBER_DEAD_MS = 600_000;

/** Who is alive: role by role, with what their supervisors add. @param stored the hash of roles. */
export function roleStatus(
  stored: Record<string, string>,
  nowMs: number,
  aliveSeconds: number,
): RoleStatus[] {
  const beats = Object.entries(stored).flatMap(([id, text]): RoleBeat[] => {
    const beat = parseStored(roleBeatSchema, text);
    return beat === null ? [] : [{ ...beat, id }];
  });
  const isAlive = (beat: RoleBeat) => nowMs - beat.atMs <= aliveSeconds * 1000;
  const kept = beats.filter(isAlive).flatMap((beat) => beat.roles ?? []);
  const name = (beat: RoleBeat) => (beat.pool === undefined ? beat.role : `${beat.role} ${beat.pool}`);
  const livingNames = new Set(beats.filter(isAlive).map(name));
  const statuses = beats.flatMap((beat): RoleStatus[] => {
    const alive = isAlive(beat);
    const replaced = livingNames.has(name(beat));
    if (!alive && (replaced || nowMs - beat.atMs > REMEMBER_DEAD_MS)) return [];
    return [
      {
        id: beat.id,
        role: name(beat),
        pid: beat.pid,
        state: alive ? 'alive' : 'dead',
        ageSeconds: Math.max(0, nowMs - beat.atMs) / 1000,
        restarts: kept.find((child) => child.pid === beat.pid)?.restarts ?? null,
        ...(alive && beat.url !== undefined ? { url: beat.url } : {}),
      },
    ];
  });
  for (const child of kept) {
    if (child.pid !== null) continue;
    const { name: role, restarts } = child;
    statuses.push({ id: role, role, pid: null, state: 'restarting', ageSeconds: null, restarts });
  }
  return statuses.sort((a, b) => (a.role === b.role ? compare(a.id, b.id) : compare(a.role, b.role)));
}

/** Where the roles that listen can be reached. @param stored values of the hash of roles. */
export function roleUrls(stored: readonly string[]): { pid: number; url: string }[] {
  return stored.flatMap((text) => {
    const beat = parseStored(roleBeatSchema, text);
    return beat?.url === undefined ? [] : [{ pid: beat.pid, url: beat.url }];
  });
}

/** The forecast that a pool's planner last told; null: it never did. @param stored its field in the hash of roles. */
export function forecastStatus(stored: string | null | undefined, nowMs: number): ForecastStatus | null {
  const beat = parseStored(roleBeatSchema, stored ?? null);
  if (beat?.plan === undefined) return null;
  const { rps, capacityRps, forecastRps, forecastSd, horizonSeconds } = beat.plan;
  return {
    requestsPerSecond: forecastRps ?? null,
    standardDeviation: forecastSd ?? null,
    horizonSeconds: horizonSeconds ?? null,
    recentRequestsPerSecond: rps ?? null,
    capacityRequestsPerSecond: capacityRps ?? null,
    ageSeconds: Math.max(0, nowMs - beat.atMs) / 1000,
  };
}

/** What a pool's planner last told that holds for it; null: it never did. @param stored its field in the hash of roles. */
export function holdsStatus(stored: string | null | undefined): { floor: number; advisory: boolean } | null {
  return parseStored(roleBeatSchema, stored ?? null)?.holds ?? null;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
