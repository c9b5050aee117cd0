import { loadProfile } from '../../src/profile/load.js';
import { EventHeap } from '../../src/simulator/run/event-heap.js';
import { simulate } from '../../src/simulator/run/simulate.js';
import { SIZES, weekConfig, weekRequests } from './sizes.js';

/** One side of the benchmark, in a process of its own: `bare|simulator SIZE`; sends its figures and ends. */
const [, , kind, name] = process.argv;
const size = SIZES.find((one) => one.name === name);
if (size === undefined || process.send === undefined) throw new Error('expected to be forked with a size');

const startedAt = performance.now();
const { requests, events } = kind === 'bare' ? bare(size.seconds) : simulated(size.seconds);
process.send(
  {
    requests,
    events,
    seconds: (performance.now() - startedAt) / 1000,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  },
  () => process.exit(0),
);

function bare(seconds: number): { requests: number; events: number } {
  const heap = new EventHeap();
  const source = weekRequests(seconds, 1);
  let requests = 0;
  const fetch = () => {
    const { value, done } = source.next();
    if (done !== true) heap.set(slot, value.atSeconds * 1000);
  };
  const slot = heap.slot(() => {
    requests++;
    fetch();
  });
  fetch();
  while (heap.nextMs < Number.POSITIVE_INFINITY) heap.fire();
  return { requests, events: requests };
}

function simulated(seconds: number): { requests: number; events: number } {
  const config = weekConfig();
  const engines = Object.fromEntries(
    Object.values(config.pools).map((pool) => {
      if (pool.engine.kind !== 'sim') throw new Error('the presets changed');
      return [pool.name, { profile: loadProfile(pool.engine.profile), tp: { vllm: 1, prefill: 1 } }];
    }),
  );
  const result = simulate({ config, engines, requests: weekRequests(seconds, 1) });
  const requests = Object.values(result.pools).reduce((sum, { tally }) => sum + tally.requests, 0);
  return { requests, events: result.events };
}
