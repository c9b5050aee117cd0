import { z } from 'zod';
import { engineSchema } from './engine-schema.js';
import { choice, described, flag, integer, number, section, text } from './fields.js';
import { AGGRESSIVENESS, LOOK_AHEADS } from './types.js';

const MAX_TP = 64;
const MAX_GPUS = 4096;
const DAY = 86_400;
const WEEK = 7 * DAY;
const FORM = 'true, false or auto';
const WAIT = `a number of seconds above 0 and at most ${WEEK}, or null for never`;

const tp = (role: string, also: string) => {
  const expected = `auto or a whole number of GPUs from 1 to ${MAX_TP}`;
  const degree = z.number({ error: expected }).int({ error: expected }).min(1, { error: expected });
  return described(
    z.union([z.literal('auto'), degree.max(MAX_TP, { error: expected })], { error: expected }),
    expected,
    'GPUs per worker',
    `Tensor parallelism of ${role} workers: the GPUs that each takes from the ledger, and its step times. ${also}`,
  );
};

const TTFT =
  'a number of seconds above 0 and at most 60 (0.3, not 300: seconds are expected, not milliseconds)';
const ITL =
  'a number of seconds above 0 and at most 5 (0.03, not 30: seconds are expected, not milliseconds)';

/** The fields of one pool under the design's names; all may be left out. */
export const poolSchema = section({
  preset: choice(
    ['high', 'medium', 'low'],
    'Tier whose values the pool starts from. Default: that of its level, else medium.',
  ),
  level: text(
    /^[a-z0-9][a-z0-9_-]{0,62}$/,
    'a level name of lower-case letters, digits, "-" and "_"',
    'SLO level that the pool serves. Default: the name of the pool.',
  ),
  model: text(
    /^[^\s\p{Cc}]{1,200}$/u,
    'a model name without spaces',
    'Model that the pool serves; requests are routed by model and level.',
  ),
  priority: integer(
    { min: 1, max: 1000 },
    '',
    'Rank among the pools, 1 first: who is served first when GPUs are short, and the order of every report.',
  ),
  description: text(
    /^[^\p{Cc}]{1,500}$/u,
    'one line of text',
    "Told in the planner's start-up log and in `sluice status`.",
  ),
  tensor_parallelism: section({
    prefill: tp('prefill', 'auto: the profile chooses.'),
    decode: tp(
      'decode and aggregated',
      'auto: the profile chooses the fewest GPUs that meet target x buffer.',
    ),
  }),
  gpu_budget: section({
    guaranteed: integer(
      { min: 0, max: MAX_GPUS },
      'GPUs',
      'GPUs that are kept for this pool. Default: the ceiling.',
    ),
    ceiling: integer(
      { min: 1, max: MAX_GPUS },
      'GPUs',
      'Most GPUs that the pool may lease. Default: the guaranteed part.',
    ),
  }),
  max_workers: integer(
    { min: 1, max: MAX_GPUS },
    'workers',
    'Most workers of both roles together. Default: what the budget holds.',
  ),
  min_workers: integer(
    { min: 0, max: MAX_GPUS },
    'workers',
    'Floor of decode or aggregated workers that an idle pool keeps; 0 lets it go to nothing.',
  ),
  gpu_memory_utilization: number(
    { above: 0, max: 1 },
    'share of GPU memory',
    'Memory that the engine may use: sets the number of KV blocks, so the room of a worker.',
  ),
  scale_up_threshold: section({
    prefill_queue: number(
      { above: 0, max: 1 },
      'share of target x buffer',
      'Adds workers when prefilling what waits takes the ready workers longer than this share of TTFT target x buffer.',
    ),
    decode_kv: number(
      { above: 0, max: 1 },
      'share of KV blocks',
      'Adds workers when the KV usage of the ready decode workers is above this.',
    ),
  }),
  scaling: section({
    aggressiveness: choice(AGGRESSIVENESS, 'How much a planner adds at once, and after how many sightings.'),
    look_ahead: choice(
      LOOK_AHEADS,
      'How far ahead the planner sizes for: by the forecast, by part of it, or for the load of now.',
    ),
  }),
  burst_protection: flag(
    'On a spike, surge at once to what it needs, within the budget, and take nothing away until calm.',
  ),
  cost_optimization: flag('Drain what the load no longer needs as soon as it does not need it.'),
  advisory: flag('Plan and record, and order nothing: `sluice explain` tells what would have been done.'),
  performance_buffer: number(
    { above: 0, max: 1 },
    'share of target',
    'The planner plans for target x buffer; lower keeps more in reserve.',
  ),
  latency_percentile: number(
    { min: 1, max: 99.9 },
    'percentile',
    'Percentile of TTFT and ITL that the planner watches.',
    'a percentile from 1 to 99.9, such as 95',
  ),
  violations_allowed: number(
    { min: 0, max: 1 },
    'share of requests',
    'Requests that may miss their SLO before the planner reacts; 0.05 is 5 %.',
    'a share from 0 to 1 (0.05 is 5 %)',
  ),
  load_predictor: choice(
    ['constant', 'linear', 'arima', 'kalman', 'seasonal', 'combined'],
    'Predictor of the arrival rate that proactive sizing uses.',
  ),
  ttft_target: number(
    { above: 0, max: 60 },
    'seconds',
    'Time to first token promised, from acceptance: deadline order, sizing and attainment.',
    TTFT,
  ),
  itl_target: number(
    { above: 0, max: 5 },
    'seconds',
    'Mean inter-token latency promised: sizing, and attainment.',
    ITL,
  ),
  expected_isl: integer(
    { min: 1, max: 1_000_000 },
    'tokens',
    'Prompt length that is planned for until requests have been seen.',
  ),
  expected_osl: integer(
    { min: 1, max: 1_000_000 },
    'tokens',
    'Output length that is planned for until requests have been seen.',
  ),
  disaggregation: section({
    enabled: described(
      z.union([z.boolean(), z.literal('auto')], { error: FORM }),
      FORM,
      '',
      'Serve long prompts as a prefill job and a decode job on workers of their own; auto: where that takes fewer GPUs.',
    ),
    min_prompt_tokens: integer(
      { min: 1, max: 1_000_000 },
      'tokens',
      'Prompts at least this long go prefill, then decode, while prefill workers are ready.',
    ),
    prefill_workers: integer(
      { min: 1, max: MAX_GPUS },
      'workers',
      'Prefill workers to hold while enabled is true; with auto the planner counts them.',
    ),
  }),
  overload: section({
    policy: choice(
      ['late', 'refuse', 'relegate', 'edf'],
      'A request predicted to miss its TTFT target: late stands behind those that can make theirs; refuse ends it at once; relegate sends it to the next pool of its model with a lower priority; edf leaves it in plain deadline order.',
    ),
    late_bound_seconds: number(
      { above: 0, max: WEEK },
      'seconds',
      'A request that stood aside and has waited so long goes before all others; at most one in 100 of those that are taken.',
    ),
  }),
  admission: section({
    policy: choice(
      ['predict', 'queue'],
      'predict: the HTTP gateway refuses (429, with the time to come again) or relegates a request whose first token is predicted after its target, or its start after its deadline; queue: every request waits in the queue.',
    ),
    waiting_room: integer(
      { min: 0, max: 10_000_000 },
      'requests',
      'Most requests that may wait while the pool has no worker ready; further ones are refused by the gateway.',
    ),
  }),
  queue_timeout_seconds: described(
    z.union([z.null(), z.number({ error: WAIT }).gt(0, { error: WAIT }).max(WEEK, { error: WAIT })], {
      error: WAIT,
    }),
    WAIT,
    'seconds',
    'A request that waits longer in the queue ends as expired; null: never. Its own deadline_ms goes first.',
  ),
  idle_after_seconds: number(
    { above: 0, max: DAY },
    'seconds',
    'Without a request for so long, the pool is idle and goes to its floor.',
  ),
  burst_calm_seconds: number(
    { above: 0, max: DAY },
    'seconds',
    'Burst protection ends after so long without a spike.',
  ),
  engine: engineSchema,
});
export type PoolFields = z.output<typeof poolSchema>;
