import { kvCapacityTokens, workerCapacityRps } from '../../profile/capacity.js';
import { chunkSeconds, decodeSeconds, frontEndSeconds, lawFor } from '../../profile/law.js';
import type { StepLaw } from '../../profile/types.js';
import type { Replicas } from '../replicas.js';
import type { Feasibility, FeasibilityQuestion, Lengths, Shortfall, WorkerCapacity } from './question.js';

/**
 * Whether profile, TP and budget can keep the promise at this load. Alone on an idle worker: the requests of the sample
 * that miss a target or do not fit the KV cache must be no more than may miss. Under load: the workers that fit the
 * budget must sustain the others, by `capacity` at target x buffer. Some microseconds and 50 ns a request of the sample.
 * @throws SluiceError invalid_config where the profile has no law for the TP; RangeError on an empty sample.
 */
export function assessFeasibility(
  question: FeasibilityQuestion,
  capacity: WorkerCapacity = workerCapacityRps,
): Feasibility {
  const { profile, targets, sample, rps } = question;
  if (sample.length === 0) throw new RangeError('feasibility: expected a sample of at least one request');
  // The role that computes prompts; a lone request's ITL is the decode worker's.
  const promptTp = question.disaggregated ? question.tp.prefill : question.tp.decode;
  const decodeTp = question.tp.decode;
  const kvTokens = kvCapacityTokens(profile, decodeTp, question.gpuMemoryUtilization);
  const [promptLaw, decodeLaw] = [lawFor(profile, promptTp), lawFor(profile, decodeTp)];
  const watched = watchedLengths(question);
  const unloaded = {
    isl: watched.isl,
    ttftSeconds: loneTtft(promptLaw, question.maxBatchedTokens, watched.isl),
    itlSeconds: loneItl(decodeLaw, watched),
  };
  const served = means(
    sample,
    (lengths) =>
      lengths.isl + lengths.osl <= kvTokens &&
      loneTtft(promptLaw, question.maxBatchedTokens, lengths.isl) <= targets.ttftSeconds &&
      loneItl(decodeLaw, lengths) <= targets.itlSeconds,
  );
  const hopelessShare = 1 - served.count / sample.length;
  const allowed = Math.min(question.violationsAllowed, 1 - question.latencyPercentile / 100);
  const shortfalls: Shortfall[] = [];
  if (hopelessShare > allowed + 1e-9) {
    if (watched.isl + watched.osl > kvTokens) {
      const needTokens = watched.isl + watched.osl;
      shortfalls.push({ kind: 'memory', tp: decodeTp, needTokens, haveTokens: kvTokens });
    }
    if (unloaded.ttftSeconds > targets.ttftSeconds) {
      const { isl, ttftSeconds: seconds } = unloaded;
      shortfalls.push({ kind: 'ttft', tp: promptTp, isl, seconds, targetSeconds: targets.ttftSeconds });
    }
    if (unloaded.itlSeconds > targets.itlSeconds) {
      const seconds = unloaded.itlSeconds;
      shortfalls.push({ kind: 'itl', tp: decodeTp, seconds, targetSeconds: targets.itlSeconds });
    }
  }
  const one = served.count > 0 ? oneWorker(question, served, capacity) : { prefill: 0, decode: 0 };
  const capacityRps = budgetRps(question, one);
  const load = rps === null ? null : rps * (1 - hopelessShare);
  const gpusNeeded = load === null ? null : gpusFor(question, one, load);
  if (load !== null && load > 0 && (gpusNeeded === null || load > capacityRps * (1 + 1e-9))) {
    shortfalls.push({ kind: 'load', rps: load, capacityRps, gpus: question.gpuCeiling, gpusNeeded });
  }
  const feasible = shortfalls.length === 0 && hopelessShare <= allowed + 1e-9;
  const longestIsl = longestPrompt(promptLaw, question.maxBatchedTokens, targets.ttftSeconds);
  return { feasible, shortfalls, hopelessShare, longestIsl, unloaded, capacityRps, gpusNeeded };
}

/** Lengths at the watched percentile of each, the sample's longest where it is small. */
export function watchedLengths({ sample, latencyPercentile }: FeasibilityQuestion): Lengths {
  const at = Math.min(sample.length - 1, Math.ceil((sample.length * latencyPercentile) / 100 - 1e-9) - 1);
  const values = new Float64Array(sample.length);
  const pick = (length: 'isl' | 'osl') => {
    for (let i = 0; i < values.length; i++) values[i] = sample[i]?.[length] ?? 1;
    return values.sort()[Math.max(0, at)] ?? 1;
  };
  return { isl: pick('isl'), osl: pick('osl') };
}

/** TTFT of a lone prompt, seconds: one further b0 for each step that the token budget cuts it into. */
export function loneTtft(law: StepLaw, maxBatchedTokens: number, isl: number): number {
  const steps = Math.max(1, Math.ceil(isl / maxBatchedTokens));
  return frontEndSeconds(law) + steps * law.itl[0] + chunkSeconds(law, 0, isl);
}

/** Mean ITL of a lone request, seconds, its output half grown; 0 where it makes one token only. */
export function loneItl(law: StepLaw, { isl, osl }: Lengths): number {
  return osl < 2 ? 0 : law.itl[0] + decodeSeconds(law, 1, isl + osl / 2);
}

/** Requests/s of one worker of each role. */
function oneWorker(question: FeasibilityQuestion, { isl, osl }: Lengths, capacity: WorkerCapacity): Replicas {
  const { profile, tp, targets, buffer, gpuMemoryUtilization, maxSequences, maxBatchedTokens } = question;
  const target = {
    isl,
    osl,
    ttftSeconds: targets.ttftSeconds * buffer,
    itlSeconds: targets.itlSeconds * buffer,
    gpuMemoryUtilization,
    maxSequences,
    maxBatchedTokens,
  };
  return {
    prefill: question.disaggregated ? capacity(profile, tp.prefill, { ...target, osl: 1 }) : 0,
    decode: capacity(profile, tp.decode, target),
  };
}

/** GPUs of the workers that sustain `rps`; null: no number does. */
function gpusFor({ tp, disaggregated }: FeasibilityQuestion, one: Replicas, rps: number): number | null {
  if (rps <= 0) return 0;
  if (one.decode <= 0 || (disaggregated && one.prefill <= 0)) return null;
  const workers = (capacity: number) => Math.max(1, Math.ceil(rps / capacity - 1e-9));
  return workers(one.decode) * tp.decode + (disaggregated ? workers(one.prefill) * tp.prefill : 0);
}

/** Requests/s that the best split of budget and workers sustains. */
function budgetRps(
  { tp, disaggregated, gpuCeiling, maxWorkers }: FeasibilityQuestion,
  one: Replicas,
): number {
  const most = Math.min(maxWorkers, Math.floor(gpuCeiling / tp.decode));
  if (!disaggregated) return most * one.decode;
  let best = 0;
  for (let decode = 1; decode <= most; decode++) {
    const prefill = Math.min(maxWorkers - decode, Math.floor((gpuCeiling - decode * tp.decode) / tp.prefill));
    best = Math.max(best, Math.min(decode * one.decode, prefill * one.prefill));
  }
  return best;
}

/** By bisection; TTFT rises with the prompt. */
function longestPrompt(law: StepLaw, maxBatchedTokens: number, ttftSeconds: number): number {
  const meets = (isl: number) => loneTtft(law, maxBatchedTokens, isl) <= ttftSeconds;
  if (!meets(1)) return 0;
  let [low, high] = [1, 1 << 24];
  if (meets(high)) return high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (meets(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** Means over those that `counts`, 0 where none does. */
function means(
  sample: readonly Lengths[],
  counts: (lengths: Lengths) => boolean,
): Lengths & { count: number } {
  let [isl, osl, count] = [0, 0, 0];
  for (const lengths of sample) {
    if (!counts(lengths)) continue;
    isl += lengths.isl;
    osl += lengths.osl;
    count++;
  }
  return { isl: isl / Math.max(1, count), osl: osl / Math.max(1, count), count };
}
