import { SimCore } from '../../engines/sim/core.js';
import { BLOCK_TOKENS, type SimOptions, type SimRequest } from '../../engines/sim/types.js';

/** The sim engine that a sweep drives. */
export type SweepEngine = Pick<
  SimOptions,
  'profile' | 'tp' | 'gpuMemoryUtilization' | 'maxSequences' | 'maxBatchedTokens'
>;

/** One point of a decode sweep: `batch` requests of equal length, sent at once. */
export interface SweepPoint {
  batch: number;
  isl: number;
  osl: number;
  /** The prompts are found in the prefix cache, all but their last block; a first pass puts them there. */
  promptsCached: boolean;
}

/** Means over the requests of a point. */
export interface SweepResult {
  ttftSeconds: number;
  /** (end - first token) / (OSL - 1). */
  itlSeconds: number;
  /** Output tokens/s of the engine, from the first request's arrival to the last one's end. */
  tokensPerSecond: number;
}

/** TTFT of a lone prompt on an idle engine, seconds. @throws SluiceError as the sim core does. */
export function loneTtftSeconds(engine: SweepEngine, isl: number): number {
  return run(newCore(engine), [{ ...REQUEST, isl, maxTokens: 2 }], 0).ttftSeconds;
}

/** Measures one decode point as a benchmark does. @throws SluiceError as the sim core does. */
export function sweepPoint(engine: SweepEngine, { batch, isl, osl, promptsCached }: SweepPoint): SweepResult {
  const blocks = promptsCached ? Math.floor(isl / BLOCK_TOKENS) : 0;
  const requests = Array.from({ length: batch }, (_, i) => ({
    ...REQUEST,
    isl,
    maxTokens: osl,
    hashes: Array.from({ length: blocks }, (__, block) => i * blocks + block),
  }));
  const core = newCore(engine);
  let startMs = 0;
  if (promptsCached) {
    for (const request of requests) {
      core.submit({ ...request, maxTokens: 1 }, startMs);
      startMs = drain(core, startMs, () => {});
    }
  }
  return run(core, requests, startMs);
}

const REQUEST: SimRequest = { isl: 1, maxTokens: 1, emitted: 0, phase: 'whole', hashes: [] };

function newCore(engine: SweepEngine): SimCore<SimRequest> {
  const core = new SimCore<SimRequest>({ ...engine, coldStartMs: 0, tokenEvents: 'ends' });
  core.start(0);
  return core;
}

function run(core: SimCore<SimRequest>, requests: readonly SimRequest[], startMs: number): SweepResult {
  const first = new Map<SimRequest, number>();
  let [ttftMs, itlMs, tokens] = [0, 0, 0];
  for (const request of requests) core.submit(request, startMs);
  const endMs = drain(core, startMs, (request, type, atMs) => {
    if (type === 'token') {
      first.set(request, atMs);
      return;
    }
    const firstMs = first.get(request) ?? atMs;
    ttftMs += firstMs - startMs;
    itlMs += (atMs - firstMs) / (request.maxTokens - 1);
    tokens += request.maxTokens;
  });
  return {
    ttftSeconds: ttftMs / requests.length / 1000,
    itlSeconds: itlMs / requests.length / 1000,
    tokensPerSecond: (1000 * tokens) / (endMs - startMs),
  };
}

/** Runs until nothing is left to happen; returns when the last request ended. */
function drain(
  core: SimCore<SimRequest>,
  startMs: number,
  onEvent: (request: SimRequest, type: 'token' | 'finished', atMs: number) => void,
): number {
  let endMs = startMs;
  for (let at = core.nextEventAt(); at !== null; at = core.nextEventAt()) {
    for (const event of core.advance(at)) {
      if (event.type === 'preempted') continue;
      onEvent(event.request, event.type, event.atMs);
      endMs = Math.max(endMs, event.atMs);
    }
  }
  return endMs;
}
