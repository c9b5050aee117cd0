import { Histogram, type Registry } from 'prom-client';

/** Seconds: a round is some milliseconds of work and several round trips to Redis. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Takes the length of each round of a pool's planner, in seconds. */
export function roundTimes(registry: Registry, pool: string): (seconds: number) => void {
  const histogram = new Histogram({
    name: 'sluice_planner_round_duration_seconds',
    help: 'One round of the planner: observe, decide, write down, act. A round that waits for Redis takes as long as that.',
    labelNames: ['pool'],
    buckets: BOUNDS,
    registers: [registry],
  });
  return (seconds) => histogram.observe({ pool }, seconds);
}
