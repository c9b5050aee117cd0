/**
 * Keys of NVIDIA Dynamo's `Planner:` section (dynamo.planner.defaults, SLAPlannerDefaults, and the SLO keys of its
 * global scheduler example) and the fields they stand for. Dynamo writes them with "-"; "_" is the same.
 */
interface DynamoKey {
  /** Dotted key of the pool field. */
  field: string;
  /** Translates a value; what it does not know passes through and is judged under the field. */
  translate?: (value: unknown) => unknown;
}

const lowerCase = (value: unknown): unknown => (typeof value === 'string' ? value.toLowerCase() : value);

const AGGRESSIVENESS: ReadonlyMap<unknown, string> = new Map([
  ['high', 'aggressive'],
  ['medium', 'balanced'],
  ['low', 'conservative'],
]);
const aggressiveness = (value: unknown): unknown => {
  const word = lowerCase(value);
  return AGGRESSIVENESS.get(word) ?? word;
};

export const DYNAMO_KEYS: ReadonlyMap<string, DynamoKey> = new Map<string, DynamoKey>([
  ['slo_level', { field: 'level', translate: lowerCase }],
  ['slo_priority', { field: 'priority' }],
  ['slo_description', { field: 'description' }],
  ['served_model_name', { field: 'model' }],
  ['ttft', { field: 'ttft_target' }],
  ['itl', { field: 'itl_target' }],
  ['isl', { field: 'expected_isl' }],
  ['osl', { field: 'expected_osl' }],
  ['decode_engine_num_gpu', { field: 'tensor_parallelism.decode' }],
  ['prefill_engine_num_gpu', { field: 'tensor_parallelism.prefill' }],
  ['tensor_parallel_size_decode', { field: 'tensor_parallelism.decode' }],
  ['tensor_parallel_size_prefill', { field: 'tensor_parallelism.prefill' }],
  ['max_gpu_budget', { field: 'gpu_budget.ceiling' }],
  ['min_endpoint', { field: 'min_workers' }],
  ['prefill_queue_scale_up_threshold', { field: 'scale_up_threshold.prefill_queue' }],
  ['decode_kv_scale_up_threshold', { field: 'scale_up_threshold.decode_kv' }],
  ['scale_up_aggressiveness', { field: 'scaling.aggressiveness', translate: aggressiveness }],
  ['scaling_aggressiveness', { field: 'scaling.aggressiveness', translate: aggressiveness }],
  ['enable_burst_protection', { field: 'burst_protection' }],
  ['cost_optimization_mode', { field: 'cost_optimization' }],
  ['enable_cost_optimization', { field: 'cost_optimization' }],
  ['performance_buffer_ratio', { field: 'performance_buffer' }],
  ['slo_violation_threshold', { field: 'violations_allowed' }],
  // The same name on both sides; Dynamo's values come in any case.
  ['load_predictor', { field: 'load_predictor', translate: lowerCase }],
  ['latency_percentile', { field: 'latency_percentile' }],
  ['gpu_memory_utilization', { field: 'gpu_memory_utilization' }],
]);

/** true keeps the look-ahead of the preset (or proactive when that is reactive); false is reactive. */
export const PROACTIVE_KEY = 'enable_proactive_scaling';

/** Set per planner in Dynamo, once for all pools here: keys of our `planner` section. */
export const DYNAMO_SHARED_KEYS: ReadonlyMap<string, string> = new Map([
  ['adjustment_interval', 'adjustment_interval_seconds'],
  ['metric_pulling_interval', 'fast_interval_seconds'],
]);

/** Known keys of Dynamo that mean nothing here, and what to know about each. */
export const DYNAMO_IGNORED_KEYS: ReadonlyMap<string, string> = new Map([
  ['namespace', 'each pool is a namespace of its own, named by the pool'],
  ['environment', 'Sluice starts workers through its own allocator'],
  ['log_dir', 'transitions are kept on a Redis stream'],
  ['prometheus_endpoint', 'telemetry comes from the workers'],
  ['profile_results_dir', 'set engine.profile'],
  ['load_prediction_window_size', 'the predictor chooses its own window'],
  ['prefill_queue_scale_down_threshold', 'the planner takes away what its sizing no longer needs'],
  ['decode_kv_scale_down_threshold', 'the planner takes away what its sizing no longer needs'],
]);

/** Component sections of a Dynamo file beside `Planner:`; Sluice has no use for them. */
export const DYNAMO_SECTIONS: ReadonlySet<string> = new Set([
  'Common',
  'Frontend',
  'Processor',
  'Router',
  'VllmWorker',
  'VllmPrefillWorker',
  'VllmDecodeWorker',
  'PrefillWorker',
]);
