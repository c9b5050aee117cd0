/** A disturbance in virtual time. Times are seconds from the load's start. */
export type Fault = { atSeconds: number; pool: string } & (
  | {
      /**
       * A worker dies: the one that has been ready longest. Noticed, as a process is whose parent lives; or not, as with
       * its host: then its lease runs out. Its requests run again when their locks have.
       */
      kind: 'worker_death';
      noticed: boolean;
    }
  | {
      /** The worker that has been ready longest takes `factor` times as long for everything. */
      kind: 'slow_gpu';
      factor: number;
      forSeconds: number;
    }
  | { kind: 'telemetry_gap'; forSeconds: number }
  | {
      /** Workers that are started in this time die at the end of their cold start. */
      kind: 'failed_cold_start';
      forSeconds: number;
    }
);
