import type { Scaler, ScalerInput } from '../run/scaler.js';

/** Constants of a policy by name. */
export type Constants = Readonly<Record<string, number>>;

/**
 * A policy to compare Sluice with. It sees what a planner sees (`PoolObservation`, and the pool's configuration and
 * profile in `ScalerInput`) and orders through the same allocator; nothing tells it of arrivals to come.
 */
export interface BaselinePolicy {
  /** As in `--policies`: lower case, words joined by `-`. */
  name: string;
  /** What it is, in a few words. */
  title: string;
  /** Where it is published. */
  source: string;
  /** The published constants, then a small stated grid of alternatives: it is judged at the first and at its best. */
  grid: readonly [Constants, ...Constants[]];
  /** A scaler for one pool, with one entry of the grid. */
  create(input: ScalerInput, constants: Constants): Scaler;
}
