import type { WorkerQueue } from './worker-queue.js';

/**
 * 0..1 of the other requests that are late because each of `workers` computes a hopeless prompt when they come. Such prompts
 * go last, but once begun they are not broken off. With `a` of them computed at once in the mean (Erlangs), all c workers have
 * one with the probability of Erlang's C formula, and of c that end evenly spread over s seconds none does so
 * within a wait of x with (1 - x / s)^c. `rate`: requests/s of all kinds.
 */
export function heldUp({ hopeless, patienceSeconds }: WorkerQueue, workers: number, rate: number): number {
  let load = 0;
  for (const { share, seconds } of hopeless) load += rate * share * seconds;
  if (load <= 0) return 0;
  let late = 0;
  for (const { share, seconds } of hopeless) {
    const weight = (rate * share * seconds) / load;
    late += weight * Math.max(0, 1 - patienceSeconds / seconds) ** workers;
  }
  return late * allBusy(workers, load);
}

/** Erlang's C formula: the probability that all of `workers` are busy at a load of so many Erlangs. */
function allBusy(workers: number, load: number): number {
  if (load >= workers) return 1;
  let blocked = 1;
  for (let n = 1; n <= workers; n++) blocked = (load * blocked) / (n + load * blocked);
  return blocked / (1 - (load / workers) * (1 - blocked));
}
