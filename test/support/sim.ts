import { SimCore } from '../../src/engines/sim/core.js';
import type { SimEvent, SimOptions, SimRequest } from '../../src/engines/sim/types.js';
import { roundProfile } from './profiles.js';

export interface NamedRequest extends SimRequest {
  readonly id: string;
}

export function request(
  id: string,
  fields: Partial<SimRequest> & { isl: number; maxTokens: number },
): NamedRequest {
  return { id, emitted: 0, phase: 'whole', hashes: [], ...fields };
}

/** A core on `roundProfile`, started at 0 unless told. */
export function newCore(options: Partial<SimOptions> = {}, start = true): SimCore<NamedRequest> {
  const core = new SimCore<NamedRequest>({
    profile: roundProfile,
    tp: 1,
    gpuMemoryUtilization: 0.9,
    maxSequences: 256,
    maxBatchedTokens: 8192,
    coldStartMs: 0,
    tokenEvents: 'each',
    ...options,
  });
  if (start) core.start(0);
  return core;
}

/** Advances from event to event until nothing is left to happen. */
export function driveToEnd(core: SimCore<NamedRequest>, mostEvents = 1_000_000): SimEvent<NamedRequest>[] {
  const events: SimEvent<NamedRequest>[] = [];
  for (let i = 0; i < mostEvents; i++) {
    const at = core.nextEventAt();
    if (at === null) return events;
    events.push(...core.advance(at));
  }
  throw new Error(`still busy after ${mostEvents} events`);
}

export function tokenTimes(events: readonly SimEvent<NamedRequest>[], id: string): number[] {
  return events.flatMap((event) => (event.type === 'token' && event.request.id === id ? [event.atMs] : []));
}
