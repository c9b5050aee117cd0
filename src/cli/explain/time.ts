import { SluiceError } from '../../contract/errors.js';

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000 };

/** A moment as people write it: ISO 8601, `14:05` or `14:05:30` of today (UTC), or `5m` ago. Unix ms. Throws `invalid_request`. */
export function momentOf(text: string, nowMs: number): number {
  const ago = /^-?(\d+(?:\.\d+)?)([smh])( ago)?$/.exec(text.trim());
  if (ago !== null) return nowMs - Number(ago[1]) * (UNITS[ago[2] ?? 's'] ?? 1000);
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text.trim());
  const today = new Date(nowMs).toISOString().slice(0, 11);
  const iso =
    clock === null ? text : `${today}${clock[1]?.padStart(2, '0')}:${clock[2]}:${clock[3] ?? '00'}Z`;
  const atMs = Date.parse(iso);
  if (Number.isFinite(atMs)) return atMs;
  throw new SluiceError(
    'invalid_request',
    `expected --at as 2026-01-31T14:05:00Z, 14:05 (UTC, today) or 5m (ago), got ${JSON.stringify(text)}`,
  );
}
