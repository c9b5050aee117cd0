import { STARVED_TAKES } from '../../admission/standing.js';
import type { WorkerModel } from '../../profile/worker-model.js';

export interface QueueQuestion {
  model: WorkerModel;
  /** Workers that serve, above 0. */
  workers: number;
  /** Requests/s, above 0. */
  rate: number;
  /** Index of dispersion of the arrivals over about the TTFT target, 1 or more; 1: Poisson. */
  dispersion: number;
  /** A request whose first token is predicted later than this stands aside, seconds. */
  aimSeconds: number;
}

export interface QueueAnswer {
  /** 0..1 of requests that stand aside, and of their prompt work. */
  late: number;
  lateWork: number;
  /** Share of requests that cannot be in time even alone; part of `late`. */
  hopeless: number;
  /** 0..1 of requests with a first token within `seconds`. */
  within(seconds: number): number;
}

const POINTS = 64;
/** By wait, filled anew by every solution and read by none after it. */
const SCRATCH = {
  exponent: new Float64Array(POINTS),
  late: new Float64Array(POINTS),
  lateWork: new Float64Array(POINTS),
  drifts: new Float64Array(POINTS),
};

/**
 * What a pool's queue comes to in the long run when requests that would be late stand aside: a diffusion (Harrison,
 * "Brownian Motion and Stochastic Flow Systems", 1985, ch. 5) of the wait w, seconds, reflected at 0. With c workers and
 * requests of work s_k, of which those of own time o_k queue while w + o_k <= aim,
 *   drift     m(w) = rate sum_k p_k s_k [w + o_k <= aim] / c - 1
 *   variance  v(w) = rate sum_k p_k [..] (s_k^2 + (D - 1) s_k S(w)) / c^2,   S(w) = sum_k p_k s_k [..]
 * (a sum of randomly many works, whose number has the dispersion D) and the stationary density is
 *   f(w) = exp(int_0^w 2 m / v) / v(w), normalised.
 * It holds below and beyond capacity alike, since beyond it the queue stays where what stands aside balances it.
 */
export function queueAnswer(question: QueueQuestion): QueueAnswer {
  const { model, aimSeconds } = question;
  const { classes } = model;
  if (model.rps <= 0 || classes.length === 0) return NONE_IN_TIME;
  let shortest = Number.POSITIVE_INFINITY;
  let work = 0;
  let hopeless = 0;
  for (const { share, workSeconds, ownSeconds } of classes) {
    shortest = Math.min(shortest, ownSeconds);
    work += share * workSeconds;
    if (ownSeconds > aimSeconds) hopeless += share;
  }
  if (aimSeconds - shortest <= 0) return NONE_IN_TIME;

  const free = solve(question, work, shortest, hopeless, 1);
  if (free.late < 1e-3) return free;
  // One in so many of those that are taken is one that has stood aside: so much of each worker is not for the others.
  const starved = Math.min(free.late, 1 / STARVED_TAKES) * (free.lateWork / free.late);
  return solve(question, work, shortest, hopeless, Math.max(0.5, 1 - starved));
}

function solve(
  { model: { classes }, workers, rate, dispersion, aimSeconds }: QueueQuestion,
  work: number,
  shortest: number,
  hopeless: number,
  pace: number,
): QueueAnswer {
  const longest = aimSeconds - shortest;
  const step = longest / POINTS;
  const density = new Float64Array(POINTS);
  const { exponent, late, lateWork, drifts } = SCRATCH;
  let height = 0;
  let highest = Number.NEGATIVE_INFINITY;
  let firstVariance = 0;
  // What queues changes only at the waits at which a class can wait no longer: between them all but the height is the same.
  let longestOwn = Number.POSITIVE_INFINITY;
  let admitted = 0;
  let aside = 0;
  let drift = 0;
  let variance = 0;
  let rise = 0;
  let logVariance = 0;
  for (let k = 0; k < POINTS; k++) {
    const wait = (k + 0.5) * step;
    if (wait + longestOwn > aimSeconds) {
      let squares = 0;
      admitted = 0;
      aside = 0;
      longestOwn = Number.NEGATIVE_INFINITY;
      for (const { share, workSeconds, ownSeconds } of classes) {
        if (wait + ownSeconds > aimSeconds) {
          aside += share;
          continue;
        }
        if (ownSeconds > longestOwn) longestOwn = ownSeconds;
        admitted += share * workSeconds;
        squares += share * workSeconds * workSeconds;
      }
      drift = (rate * admitted) / workers - pace;
      variance = (rate * (squares + (dispersion - 1) * admitted * admitted)) / (workers * workers);
      rise = variance > 0 ? (2 * drift) / variance : -1e6;
      logVariance = Math.log(Math.max(variance, 1e-12));
    }
    drifts[k] = drift;
    late[k] = aside;
    lateWork[k] = 1 - admitted / work;
    const value = height + (rise * step) / 2 - logVariance;
    exponent[k] = value;
    height += rise * step;
    highest = Math.max(highest, value);
    if (k === 0) firstVariance = variance;
  }
  // Of the last point: what still queues there, and the logarithm of the density at its far edge.
  const topShare = 1 - aside;
  const topWork = admitted;
  const topVariance = variance;
  const topExponent = height - logVariance;
  let sum = 0;
  for (let k = 0; k < POINTS; k++) {
    const value = Math.exp((exponent[k] ?? 0) - highest);
    density[k] = value;
    sum += value;
  }
  let lateShare = 0;
  let lateWorkShare = 0;
  let driftMean = 0;
  for (let k = 0; k < POINTS; k++) {
    const p = (density[k] ?? 0) / sum;
    density[k] = p;
    driftMean += p * (drifts[k] ?? 0);
    lateShare += p * (late[k] ?? 0);
    lateWorkShare += p * (lateWork[k] ?? 0);
  }
  // What comes while even the shortest can wait no longer is turned away: the push at the upper bound. Beyond capacity it is
  // what the mean drift leaves, to which the push at 0 adds; below, half the variance times the density there.
  const push = (exponentAt: number, variance: number) =>
    (variance / 2) * (Math.exp(exponentAt - highest) / (sum * step));
  const pushedAway =
    driftMean > 0
      ? driftMean + push(-Math.log(Math.max(firstVariance, 1e-12)), firstVariance)
      : push(topExponent, topVariance);
  const turned = topWork > 0 ? Math.min(1, (pushedAway * workers) / (rate * topWork)) : 0;
  return {
    late: Math.min(1, lateShare + turned * topShare),
    lateWork: Math.min(1, lateWorkShare + (turned * topWork) / work),
    hopeless,
    within(seconds) {
      let share = 0;
      for (const { share: p, ownSeconds } of classes) {
        const upTo = Math.min(seconds, aimSeconds) - ownSeconds;
        for (let k = 0; k < POINTS && (k + 0.5) * step <= upTo; k++)
          share += p * (1 - turned) * (density[k] ?? 0);
      }
      return share;
    },
  };
}

const NONE_IN_TIME: QueueAnswer = { late: 1, lateWork: 1, hopeless: 1, within: () => 0 };
