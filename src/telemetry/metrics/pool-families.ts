import type { PoolStatus } from '../../contract/status.js';
import { PLANNER_STATES } from '../../contract/transition.js';
import { type Family, known, type Sample } from './family.js';

type Labels = Record<string, string>;
type OfPool = (pool: PoolStatus, labels: Labels) => Sample[];

/** Everything that the status tells of a pool, by pool and SLO level. */
export function poolFamilies(pools: readonly PoolStatus[]): Family[] {
  return [...REQUESTS, ...PROMISE, ...PLANNER, ...GPUS, ...ENGINE].map(([name, type, help, of]) => ({
    name,
    type,
    help,
    samples: pools.flatMap((pool) => of(pool, { pool: pool.name, level: pool.level })),
  }));
}

type Row = [name: string, type: Family['type'], help: string, of: OfPool];

const REQUESTS: Row[] = [
  [
    'sluice_requests_total',
    'counter',
    'Requests that ended, by how; refused: not taken in the first place.',
    ({ counts }, labels) => {
      const { completed, failed, expired, cancelled, relegated, refused } = counts;
      return Object.entries({ completed, failed, expired, cancelled, relegated, refused }).map(
        ([outcome, value]) => ({
          labels: { ...labels, outcome },
          value,
        }),
      );
    },
  ],
  [
    'sluice_requests_routed_total',
    'counter',
    'Requests accepted into a pool.',
    ({ counts }, l) => known(l, counts.routed),
  ],
  [
    'sluice_requests_attained_total',
    'counter',
    'Ended requests with TTFT and mean ITL within target.',
    ({ run }, labels) =>
      known(labels, run.attainment === null ? 0 : Math.round(run.attainment * run.requests)),
  ],
  [
    'sluice_requests_waiting',
    'gauge',
    'Requests in the queues of a pool.',
    ({ queue }, l) => known(l, queue.waiting),
  ],
  [
    'sluice_requests_running',
    'gauge',
    'Requests at the workers of a pool.',
    ({ queue }, l) => known(l, queue.running),
  ],
  [
    'sluice_queue_oldest_wait_seconds',
    'gauge',
    'Time that the oldest waiting request has waited; no sample: nothing waits.',
    ({ queue }, l) => known(l, queue.oldestWaitSeconds),
  ],
  [
    'sluice_request_arrivals_per_second',
    'gauge',
    'Requests routed to a pool, mean of the last ten seconds that are counted.',
    (pool, l) => known(l, pool.arrivalsPerSecond),
  ],
  [
    'sluice_prompt_tokens_total',
    'counter',
    'Prompt tokens of completed requests.',
    ({ tokens }, l) => known(l, tokens.input),
  ],
  [
    'sluice_generation_tokens_total',
    'counter',
    'Output tokens of completed requests.',
    ({ tokens }, l) => known(l, tokens.output),
  ],
];

const PROMISE: Row[] = [
  [
    'sluice_slo_target_seconds',
    'gauge',
    'Latency target.',
    ({ targets }, l) => [
      { labels: { ...l, latency: 'ttft' }, value: targets.ttftSeconds },
      { labels: { ...l, latency: 'itl' }, value: targets.itlSeconds },
    ],
  ],
  [
    'sluice_slo_violations_allowed_ratio',
    'gauge',
    'Share of requests that may miss their SLO: the error budget.',
    (pool, l) => known(l, pool.violationsAllowed),
  ],
  [
    'sluice_slo_attainment_ratio',
    'gauge',
    'SLO compliance: share of ended requests with TTFT and ITL within target, by window.',
    (pool, l) => [
      ...windowed(pool, l, ({ attainment }) => attainment),
      ...known({ ...l, window: 'run' }, pool.run.attainment),
    ],
  ],
  [
    'sluice_slo_burn_rate',
    'gauge',
    'Share of violations over the share allowed, by window; at 1 the error budget is just used up.',
    (pool, l) => windowed(pool, l, ({ burnRate }) => burnRate),
  ],
  [
    'sluice_slo_error_budget_remaining_ratio',
    'gauge',
    'Part of the error budget that is left, by window; negative once overspent.',
    (pool, l) => windowed(pool, l, ({ left }) => left),
  ],
];

const PLANNER: Row[] = [
  [
    'sluice_planner_state',
    'gauge',
    '1 for the state that the planner last wrote, 0 for the others.',
    ({ planner }, labels) =>
      planner.state === null
        ? []
        : PLANNER_STATES.map((state) => ({
            labels: { ...labels, state },
            value: Number(state === planner.state),
          })),
  ],
  [
    'sluice_planner_state_age_seconds',
    'gauge',
    'Time since the planner last wrote its state: it may be in another by now, and silent.',
    ({ planner }, l) => known(l, planner.forecast?.ageSeconds ?? null),
  ],
  [
    'sluice_planner_state_since_timestamp_seconds',
    'gauge',
    'When the planner entered its state, Unix seconds.',
    ({ planner }, l) => known(l, planner.sinceMs === null ? null : planner.sinceMs / 1000),
  ],
  [
    'sluice_planner_transitions_total',
    'counter',
    'Changes of state on record.',
    ({ planner }, l) =>
      planner.transitionCounts.map(({ from, to, count }) => ({ labels: { ...l, from, to }, value: count })),
  ],
  [
    'sluice_planner_scale_orders_total',
    'counter',
    'Orders for more (up) and for fewer (down) workers.',
    ({ scaling }, l) => [
      { labels: { ...l, direction: 'up' }, value: scaling.scaleUps },
      { labels: { ...l, direction: 'down' }, value: scaling.scaleDowns },
    ],
  ],
  [
    'sluice_planner_scale_reversals_total',
    'counter',
    'Orders that turned the last one around before it could pay.',
    ({ scaling }, l) => known(l, scaling.reversals),
  ],
  [
    'sluice_planner_forecast_requests_per_second',
    'gauge',
    'Highest rate expected within the planning horizon, with one standard deviation to each side.',
    ({ planner }, labels) => {
      const mean = planner.forecast?.requestsPerSecond ?? null;
      const sd = planner.forecast?.standardDeviation ?? null;
      if (mean === null) return [];
      const band =
        sd === null ? [] : [{ labels: { ...labels, bound: 'lower' }, value: Math.max(0, mean - sd) }];
      const upper = sd === null ? [] : [{ labels: { ...labels, bound: 'upper' }, value: mean + sd }];
      return [{ labels: { ...labels, bound: 'mean' }, value: mean }, ...band, ...upper];
    },
  ],
  [
    'sluice_planner_forecast_horizon_seconds',
    'gauge',
    'How far ahead the planner sizes.',
    ({ planner }, l) => known(l, planner.forecast?.horizonSeconds),
  ],
  [
    'sluice_pool_capacity_requests_per_second',
    'gauge',
    'What the ready workers serve at most.',
    ({ planner }, l) => known(l, planner.forecast?.capacityRequestsPerSecond),
  ],
  [
    'sluice_workers',
    'gauge',
    'Workers by role: desired by the plan, granted by the allocator, and those that live by state.',
    ({ workers }, labels) => {
      const { desired, granted, ready, starting, draining } = workers;
      return Object.entries({ desired, granted, ready, starting, draining }).flatMap(([state, replicas]) =>
        replicas === null
          ? []
          : [
              { labels: { ...labels, role: 'decode', state }, value: replicas.decode },
              { labels: { ...labels, role: 'prefill', state }, value: replicas.prefill },
            ],
      );
    },
  ],
];

const GPUS: Row[] = [
  ['sluice_pool_gpus_leased', 'gauge', 'GPUs that a pool leases.', ({ gpus }, l) => known(l, gpus.length)],
  [
    'sluice_pool_gpus_ceiling',
    'gauge',
    'GPUs that a pool may lease.',
    (pool, l) => known(l, pool.gpuCeiling),
  ],
  ['sluice_gpu_seconds_total', 'counter', 'GPU-seconds leased.', (pool, l) => known(l, pool.gpuSeconds)],
  [
    'sluice_gpu_busy_seconds_total',
    'counter',
    'GPU-seconds in use: TP x busy share of each worker over time.',
    ({ scaling }, l) => known(l, scaling.neededGpuSeconds),
  ],
  [
    'sluice_cost_usd_total',
    'counter',
    'Price of the GPU-seconds leased.',
    (pool, l) => known(l, pool.costUsd),
  ],
  [
    'sluice_scaling_efficiency_ratio',
    'gauge',
    'GPU-seconds in use over GPU-seconds leased since the start.',
    ({ scaling }, l) => known(l, scaling.efficiency),
  ],
  [
    'sluice_pool_utilization_ratio',
    'gauge',
    'Share of the held GPUs in use, now and since the start.',
    ({ utilization }, l) => [
      ...known({ ...l, window: 'now' }, utilization.now),
      ...known({ ...l, window: 'run' }, utilization.run),
    ],
  ],
  [
    'sluice_tensor_parallel_degree',
    'gauge',
    'GPUs of one decode worker.',
    ({ tensorParallel }, l) => known(l, tensorParallel.degree),
  ],
  [
    'sluice_tensor_parallel_efficiency_ratio',
    'gauge',
    'Tokens per second and GPU at this degree against one GPU, by the profile at the present batch.',
    ({ tensorParallel }, l) => known(l, tensorParallel.efficiency),
  ],
  [
    'sluice_generation_tokens_per_second_per_gpu',
    'gauge',
    'Output tokens of requests completed in the last minute, by second and held GPU.',
    ({ tensorParallel }, l) => known(l, tensorParallel.tokensPerSecondPerGpu),
  ],
];

const ENGINE: Row[] = [
  [
    'sluice_engine_sequences_running',
    'gauge',
    'Sequences in the batches of the engines.',
    ({ engine }, l) => known(l, engine.runningSequences),
  ],
  [
    'sluice_engine_sequences_waiting',
    'gauge',
    'Sequences accepted by engines whose prefill has not begun.',
    ({ engine }, l) => known(l, engine.waitingSequences),
  ],
  [
    'sluice_engine_sequences_limit',
    'gauge',
    'Most sequences at once.',
    ({ engine }, l) => known(l, engine.maxSequences),
  ],
  [
    'sluice_engine_kv_cache_usage_ratio',
    'gauge',
    'KV blocks in use.',
    ({ engine }, l) => known(l, engine.kvUsage),
  ],
  [
    'sluice_engine_prefix_cache_hit_ratio',
    'gauge',
    'Prompt tokens found in prefix caches.',
    ({ engine }, l) => known(l, engine.prefixHitRate),
  ],
  [
    'sluice_engine_prefill_tokens_waiting',
    'gauge',
    'Prompt tokens inside engines that wait for their prefill.',
    ({ engine }, l) => known(l, engine.waitingPrefillTokens),
  ],
];

function windowed(
  { budget }: PoolStatus,
  labels: Labels,
  of: (window: PoolStatus['budget']['hour']) => number | null,
): Sample[] {
  return Object.entries({ '1m': budget.minute, '1h': budget.hour, '24h': budget.day }).flatMap(
    ([window, figures]) => known({ ...labels, window }, of(figures)),
  );
}
