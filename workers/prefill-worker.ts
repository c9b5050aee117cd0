import { workerMain } from '../src/scheduler/worker/process.js';

/** Serves the prefill half of disaggregated requests on the GPUs of its lease. */
await workerMain('prefill', process.argv);
