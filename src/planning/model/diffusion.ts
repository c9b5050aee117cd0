import { STARVED_TAKES } from '../../admission/standing.js';
import { WAITS, type WorkerQueue } from './worker-queue.js';

export interface QueueQuestion {
  queue: WorkerQueue;
  /** Workers that serve, above 0. */
  workers: number;
  /** Requests/s, above 0. */
  rate: number;
  /** Index of dispersion of the arrivals over about the TTFT target, 1 or more; 1: Poisson. */
  dispersion: number;
}

export interface QueueAnswer {
  /** 0..1 of requests that stand aside, and of their prompt work. */
  late: number;
  lateWork: number;
}

/** Filled anew by every solution and read by none after it: by wait the density or its logarithm, by stage the drift. */
const DENSITY = new Float64Array(WAITS);
const DRIFTS = new Float64Array(WAITS);

const NONE_IN_TIME: QueueAnswer = { late: 1, lateWork: 1 };

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
  if (question.queue.stages.length === 0) return NONE_IN_TIME;
  const free = solve(question, 1);
  if (free.late < 1e-3) return free;
  // One in so many of those that are taken is one that has stood aside: so much of each worker is not for the others.
  const starved = Math.min(free.late, 1 / STARVED_TAKES) * (free.lateWork / free.late);
  return solve(question, Math.max(0.5, 1 - starved));
}

/** `pace`: 0..1 of each worker that is for those that do not stand aside. */
function solve({ queue, workers, rate, dispersion }: QueueQuestion, pace: number): QueueAnswer {
  const { stages, stepSeconds: step } = queue;
  let height = 0;
  let highest = Number.NEGATIVE_INFINITY;
  let firstVariance = 0;
  let variance = 0;
  let logVariance = 0;
  let k = 0;
  let at = 0;
  for (const { waits, work, squares } of stages) {
    const drift = (rate * work) / workers - pace;
    variance = (rate * (squares + (dispersion - 1) * work * work)) / (workers * workers);
    logVariance = Math.log(Math.max(variance, 1e-12));
    if (at === 0) firstVariance = variance;
    DRIFTS[at++] = drift;
    const rise = (variance > 0 ? (2 * drift) / variance : -1e6) * step;
    const half = rise / 2;
    for (const end = k + waits; k < end; k++) {
      const exponent = height + half - logVariance;
      height += rise;
      if (exponent > highest) highest = exponent;
      DENSITY[k] = exponent;
    }
  }
  let sum = 0;
  for (k = 0; k < WAITS; k++) {
    const density = Math.exp((DENSITY[k] ?? 0) - highest);
    DENSITY[k] = density;
    sum += density;
  }
  let late = 0;
  let lateWork = 0;
  let drift = 0;
  k = 0;
  at = 0;
  for (const stage of stages) {
    const stageDrift = DRIFTS[at++] ?? 0;
    for (const end = k + stage.waits; k < end; k++) {
      const density = DENSITY[k] ?? 0;
      // Most of a large pool's waits are too unlikely for a number.
      if (density === 0) continue;
      const p = density / sum;
      drift += p * stageDrift;
      late += p * stage.late;
      lateWork += p * stage.lateWork;
    }
  }
  // What comes while even the shortest can wait no longer is turned away: the push at the upper bound. Beyond capacity it is
  // what the mean drift leaves, to which the push at 0 adds; below, half the variance times the density there.
  const [end, spread] =
    drift > 0 ? [-Math.log(Math.max(firstVariance, 1e-12)), firstVariance] : [height - logVariance, variance];
  // No function of its own within this one: numbers that it used would be boxed at every change of theirs.
  const push = (spread / 2) * (Math.exp(end - highest) / (sum * step));
  const pushedAway = drift > 0 ? drift + push : push;
  const top = stages.at(-1);
  if (top === undefined || top.work <= 0) return { late: Math.min(1, late), lateWork: Math.min(1, lateWork) };
  const turned = Math.min(1, (pushedAway * workers) / (rate * top.work));
  return {
    late: Math.min(1, late + turned * (1 - top.late)),
    lateWork: Math.min(1, lateWork + (turned * top.work) / queue.work),
  };
}
