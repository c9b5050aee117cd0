import type { WorkerModel } from '../../profile/worker-model.js';

/** Variance of the mean of an exponentially correlated process over its correlation time, as a share of its own. */
const OVER_STAY = 2 / Math.E;

/**
 * Share of requests, 0..1, whose ITL decode workers behind prefill workers do not keep. At `rate` requests/s the sequences
 * that decode at once are about normal, of mean a = rate x B / rps (Little's law, B and rps of a worker as busy as its ITL
 * allows) and variance D a for arrivals of index of dispersion D. A request's ITL is the mean over its stay, which is as
 * long as the number takes to change: such means vary 2 / e as much. Late are the requests that meet more than the workers
 * hold, n B, and beyond capacity what the workers cannot pass.
 */
export function behindPrefill(
  { rps, sequences }: WorkerModel,
  workers: number,
  rate: number,
  dispersion: number,
): number {
  if (rate <= 0) return 0;
  if (!(rps > 0) || workers <= 0) return 1;
  const short = 1 - Math.min(1, (workers * rps) / rate);
  const mean = (rate * sequences) / rps;
  const beyond = (workers * sequences - mean) / Math.sqrt(OVER_STAY * dispersion * mean);
  return Math.max(short, upperTail(beyond));
}

/** P(Z > z) of the standard normal distribution, to 1e-7 (Abramowitz and Stegun 26.2.17). */
function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * poly;
}
