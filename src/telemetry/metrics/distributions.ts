import { QuantileSketch } from '../sketch.js';
import { SKETCH_FIELDS, SUM_FIELDS } from '../slots.js';
import type { Family } from './family.js';
import { boundsWith, type Distribution, histogramSamples, ITL_BOUNDS, TIME_BOUNDS } from './histogram.js';

/** A pool's totals, as Redis has them, with the labels of its samples. */
export interface PoolTotals {
  labels: Record<string, string>;
  targets: { ttftSeconds: number; itlSeconds: number };
  totals: Record<string, string>;
}

/** Time in the queue, TTFT, ITL and request duration of every request that ended since the start, by pool. */
export function latencyFamilies(pools: readonly PoolTotals[]): Family[] {
  const ttft = boundsWith(
    TIME_BOUNDS,
    pools.map(({ targets }) => targets.ttftSeconds),
  );
  const itl = boundsWith(
    ITL_BOUNDS,
    pools.map(({ targets }) => targets.itlSeconds),
  );
  const family = (
    name: string,
    help: string,
    bounds: readonly number[],
    prefix: string,
    sum: string,
  ): Family => ({
    name,
    help,
    type: 'histogram',
    samples: pools.flatMap(({ labels, totals }) =>
      histogramSamples(labels, distribution(totals, prefix, sum), bounds),
    ),
  });
  return [
    family(
      'sluice_time_to_first_token_seconds',
      'From acceptance to the first token.',
      ttft,
      SKETCH_FIELDS.ttft,
      'ttftUs',
    ),
    family(
      'sluice_inter_token_latency_seconds',
      'Mean time between the tokens of a request.',
      itl,
      SKETCH_FIELDS.itl,
      'itlUs',
    ),
    family(
      'sluice_request_queue_time_seconds',
      'From acceptance to when a worker took the request.',
      ttft,
      SKETCH_FIELDS.queue,
      SUM_FIELDS.queue,
    ),
    family(
      'sluice_request_duration_seconds',
      'From acceptance to the end of a request that reached a worker.',
      ttft,
      SKETCH_FIELDS.whole,
      SUM_FIELDS.whole,
    ),
  ];
}

function distribution(totals: Record<string, string>, prefix: string, sumField: string): Distribution {
  const sketch = new QuantileSketch();
  for (const [field, text] of Object.entries(totals)) {
    const bucket = field.startsWith(prefix) ? Number(field.slice(prefix.length)) : Number.NaN;
    if (Number.isInteger(bucket) && field.length > prefix.length) sketch.addBucket(bucket, Number(text));
  }
  return { buckets: sketch.buckets, sum: Number(totals[sumField] ?? 0) / 1e6 };
}
