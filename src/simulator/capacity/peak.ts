import type { PoolCapacity } from './sustainable.js';

/** How the rates of one level were scaled to its pool's capacity. */
export interface PeakScale extends PoolCapacity {
  pool: string;
  /** Wanted: busiest minute over the sustainable rate. */
  ofCapacity: number;
  /** Busiest minute after scaling, requests/s. */
  peakRps: number;
  /** What the rates were multiplied by. */
  scale: number;
}

/** By level. */
export type PeakScales = Readonly<Record<string, PeakScale>>;
