import { workerMain } from '../src/scheduler/worker/process.js';

/** Serves whole requests, or the decode half of disaggregated ones, on the GPUs of its lease. */
await workerMain('vllm', process.argv);
