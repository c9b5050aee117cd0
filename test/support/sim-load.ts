import type { SimOptions } from '../../src/engines/sim/types.js';
import { type NamedRequest, newCore, request } from './sim.js';

export interface PoissonLoad {
  isl: number;
  osl: number;
  /** Requests per second that arrive. */
  rps: number;
  requests: number;
  /** `all`: each goes to the engine as it arrives; `room`: it waits in a queue until the engine has room. */
  feed: 'all' | 'room';
}

/** Poisson arrivals of a fixed seed on one engine: requests served per second, and means in seconds. */
export function poisson(
  options: Partial<SimOptions>,
  load: PoissonLoad,
): { rps: number; ttft: number; itl: number } {
  const core = newCore({ ...options, tokenEvents: 'ends' });
  const arrivals: { at: number; one: NamedRequest }[] = [];
  let seed = 5;
  let at = 0;
  for (let i = 0; i < load.requests; i++) {
    seed = (seed * 1_664_525 + 1_013_904_223) >>> 0;
    at += (-Math.log(1 - seed / 2 ** 32) * 1000) / load.rps;
    arrivals.push({ at, one: request(`r${i}`, { isl: load.isl, maxTokens: load.osl }) });
  }
  const arrivedAt = new Map(arrivals.map((arrival) => [arrival.one, arrival.at]));
  const firstAt = new Map<NamedRequest, number>();
  const means = { ttft: 0, itl: 0 };
  let submitted = 0;
  let now = 0;
  for (;;) {
    for (let next = arrivals[submitted]; next && next.at <= now; next = arrivals[submitted]) {
      if (load.feed === 'room' && core.room(load.isl + load.osl) < 1) break;
      core.submit(next.one, now);
      submitted++;
    }
    const arrival = arrivals.find((one, i) => i >= submitted && one.at > now)?.at;
    const next = Math.min(
      core.nextEventAt() ?? Number.POSITIVE_INFINITY,
      arrival ?? Number.POSITIVE_INFINITY,
    );
    if (next === Number.POSITIVE_INFINITY) break;
    now = Math.max(now, next);
    for (const event of core.advance(now)) {
      if (event.type === 'token') firstAt.set(event.request, event.atMs);
      if (event.type !== 'finished') continue;
      const first = firstAt.get(event.request) ?? Number.NaN;
      means.ttft += (first - (arrivedAt.get(event.request) ?? Number.NaN)) / 1000 / load.requests;
      means.itl += (event.atMs - first) / (load.osl - 1) / 1000 / load.requests;
    }
  }
  return { rps: load.requests / (now / 1000), ...means };
}
