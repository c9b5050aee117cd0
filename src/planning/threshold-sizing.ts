import { inTimeTokens, ttftBudget } from './load.js';
import type { PoolPolicy } from './policy.js';
import { type Evidence, type Sizing, type SizingInput, wholeWorkers } from './sizing.js';
import { excused } from './spending.js';
import { fixed, percent } from './words.js';

/**
 * Sizing by the thresholds of the tier table:
 *   prefill-queue load = waiting prompt tokens / (ready workers x prefill tokens/s) / (TTFT target x buffer)
 *   decode-KV load     = KV usage of the ready decode workers
 * A load over its threshold asks for as many workers as bring it down to the threshold. A watched latency over
 * target x buffer, or more violations than allowed, asks for one more than are ready. In an aggregated pool every
 * worker does both, so either asks for decode workers; in a disaggregated one prompts ask for prefill workers.
 */
export const thresholdSizing: Sizing = {
  shortage(input) {
    const queue = queueEvidence(input);
    const kv = kvEvidence(input);
    const { ttft, itl } = latencyEvidence(input);
    if (!input.policy.disaggregated) return { prefill: null, decode: strongest(queue, kv, ttft, itl) };
    return { prefill: strongest(queue, ttft), decode: strongest(kv, itl) };
  },
  forRate(rps, policy, facts) {
    const decode = workersFor(rps, facts.rps.decode, policy);
    if (decode === null) return null;
    if (!policy.disaggregated) return { prefill: 0, decode };
    const prefill = workersFor(rps, facts.rps.prefill, policy);
    return prefill === null ? null : { prefill, decode };
  },
};

/** A worker is planned to `buffer` of its capacity: the capacity is one of means, the rest is for the tail. */
function workersFor(rps: number, capacityRps: number, policy: PoolPolicy): number | null {
  return capacityRps > 0 ? wholeWorkers(rps / (capacityRps * policy.buffer)) : null;
}

function queueEvidence({ observation, policy, facts, load, hopelessShare }: SizingInput): Evidence | null {
  if (hopelessShare >= 1) return null;
  const tokens = inTimeTokens(observation);
  const threshold = policy.thresholds.prefillQueue;
  if (load.prefillQueue === null || tokens === null || load.prefillQueue <= threshold) return null;
  const perWorker = facts.prefillTokensPerSecond * ttftBudget(policy) * threshold;
  const why = `prefill-queue load ${fixed(load.prefillQueue)} over ${threshold} (${tokens} prompt tokens wait)`;
  return { need: wholeWorkers(tokens / perWorker), why };
}

function kvEvidence({ policy, load }: SizingInput): Evidence | null {
  const threshold = policy.thresholds.decodeKv;
  if (load.decodeKv === null || load.decodeKv <= threshold) return null;
  const need = wholeWorkers((load.decodeKv * load.ready.decode) / threshold);
  return {
    need: Math.max(need, load.ready.decode + 1),
    why: `decode-KV load ${fixed(load.decodeKv)} over ${threshold}`,
  };
}

/** Latency and violations, once enough requests ended on the workers that are ready now. */
function latencyEvidence(input: SizingInput): { ttft: Evidence | null; itl: Evidence | null } {
  const { observation, policy, load, settled, hopelessShare } = input;
  const { requests, ttftSeconds, itlSeconds, violationShare } = observation.latency;
  // Without a ready worker, what ended is the past's; only what waits can ask for one.
  const known = settled && load.ready.decode > 0 && requests >= samplesFor(policy.latencyPercentile);
  if (!known) return { ttft: null, itl: null };
  // What no worker would end is no evidence for one.
  const beyond = (violationShare ?? 1) * requests - excused(hopelessShare, requests);
  if (hopelessShare > 0 && beyond <= 0) return { ttft: null, itl: null };
  const prefillers = policy.disaggregated ? load.ready.prefill : load.ready.decode;
  const over = (value: number | null, target: number) =>
    value === null ? 0 : value / (target * policy.buffer);
  const ttftShare = over(ttftSeconds, policy.targets.ttftSeconds);
  const itlShare = over(itlSeconds, policy.targets.itlSeconds);
  const sentence = (name: string, value: number | null, target: number) =>
    `p${policy.latencyPercentile} ${name} ${fixed(value ?? 0)} s over ${fixed(target * policy.buffer)} s in ${requests} requests`;
  let ttft: Evidence | null =
    ttftShare > 1
      ? { need: prefillers + 1, why: sentence('TTFT', ttftSeconds, policy.targets.ttftSeconds), past: true }
      : null;
  let itl: Evidence | null =
    itlShare > 1
      ? { need: load.ready.decode + 1, why: sentence('ITL', itlSeconds, policy.targets.itlSeconds) }
      : null;
  if (
    ttft === null &&
    itl === null &&
    violationShare !== null &&
    beyond > policy.violationsAllowed * requests
  ) {
    const why = `${percent(violationShare)} of ${requests} requests missed their SLO, ${percent(policy.violationsAllowed)} allowed`;
    if (ttftShare >= itlShare) ttft = { need: prefillers + 1, why, past: true };
    else itl = { need: load.ready.decode + 1, why };
  }
  return { ttft, itl };
}

/** Fewest requests that make the watched percentile more than the largest value: 1 / (1 - p), at least 10. */
function samplesFor(percentile: number): number {
  return Math.max(10, Math.ceil(1 / Math.max(1e-3, 1 - percentile / 100) - 1e-9));
}

function strongest(...found: (Evidence | null)[]): Evidence | null {
  return found.reduce((best, next) => (next !== null && next.need > (best?.need ?? -1) ? next : best), null);
}
