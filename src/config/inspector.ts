import { SluiceError } from '../contract/errors.js';
import { isLoopback } from './loopback.js';

/** Where `--inspect` of `sluice up` leads: a relay of its own on a port (null: 8081, or one that is free), or one that runs. */
export type InspectTarget = { serve: number | null } | { url: string };

/** Reads `--inspect [PORT or URL]`; true: it stands alone. Errors: `invalid_request`. */
export function inspectTarget(given: string | true): InspectTarget {
  if (given === true) return { serve: null };
  if (/^\d{1,5}$/.test(given) && Number(given) < 65_536) return { serve: Number(given) };
  return { url: inspectorUrl(given) };
}

/** The address of a relay on this machine: what a planner does is no other's business. Errors: `invalid_request`. */
export function inspectorUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url?.protocol === 'ws:' && isLoopback(url.hostname)) return given;
  throw new SluiceError(
    'invalid_request',
    `--inspect: expected a WebSocket on loopback such as ws://127.0.0.1:8080, got ${JSON.stringify(given)}`,
  );
}
