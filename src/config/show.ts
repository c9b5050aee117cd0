import { Document, isMap, isScalar, isSeq, type Node, visit } from 'yaml';
import { engineFields } from './engine.js';
import { listFields } from './fields.js';
import { type FileFields, fileSchema } from './file-schema.js';
import { type PoolFields, poolSchema } from './pool-schema.js';
import type { Config, PoolConfig } from './types.js';

/**
 * The effective configuration as commented YAML under the design's names; loading it gives the same Config.
 * Each field is commented where it first stands.
 */
export function renderConfig(config: Config): string {
  const document = new Document(configFields(config));
  const from = config.source === null ? 'the presets' : config.source;
  document.commentBefore = ` Effective configuration from ${from.replaceAll(/\p{Cc}/gu, '?')}. Every field is described in docs/config.md.`;
  const about = new Map(
    listFields(fileSchema).map(({ key, info }) => [key, comment(info.about, info.unit)] as const),
  );
  commentFields(document.contents, about);
  const pools = document.get('pools');
  const first = isMap(pools) ? pools.items[0]?.value : undefined;
  const poolAbout = new Map(
    listFields(poolSchema).map(({ key, info }) => [key, comment(info.about, info.unit)] as const),
  );
  commentFields(first, poolAbout);
  visit(document, {
    Seq(_, node) {
      if (node.items.every((item) => isScalar(item) || (isSeq(item) && item.flow === true))) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** The file that stands for a Config, fully spelled out. */
export function configFields(config: Config): FileFields & { pools: Record<string, PoolFields> } {
  const { planner, worker, queues, limits, gateway, dashboard } = config;
  return {
    namespace: config.namespace,
    default_level: config.defaultLevel,
    inventory: { hosts: config.inventory.hosts.map(({ name, islands }) => ({ name, islands })) },
    pools: Object.fromEntries(Object.values(config.pools).map((pool) => [pool.name, poolFields(pool)])),
    planner: {
      fast_interval_seconds: planner.fastIntervalSeconds,
      adjustment_interval_seconds: planner.adjustmentIntervalSeconds,
      telemetry_stale_seconds: planner.telemetryStaleSeconds,
      window_seconds: planner.windowSeconds,
      transitions_kept: planner.transitionsKept,
      decisions_kept: planner.decisionsKept,
      history_kept_hours: planner.historyKeptHours,
    },
    worker: {
      heartbeat_seconds: worker.heartbeatSeconds,
      lease_seconds: worker.leaseSeconds,
      drain_seconds: worker.drainSeconds,
      max_restarts: worker.maxRestarts,
      restart_backoff_seconds: worker.restartBackoffSeconds,
    },
    queues: {
      deadline_resolution_ms: queues.deadlineResolutionMs,
      lock_seconds: queues.lockSeconds,
      keep_seconds: queues.keepSeconds,
      keep_jobs: queues.keepJobs,
      ingress_concurrency: queues.ingressConcurrency,
      requests_prefix: queues.requestsPrefix,
    },
    limits: { max_prompt_tokens: limits.maxPromptTokens, max_output_tokens: limits.maxOutputTokens },
    gateway: {
      host: gateway.host,
      port: gateway.port,
      auth: gateway.auth,
      tls: { ...gateway.tls },
      cors_origins: gateway.corsOrigins,
      max_body_bytes: gateway.maxBodyBytes,
      request_timeout_seconds: gateway.requestTimeoutSeconds,
      default_max_tokens: gateway.defaultMaxTokens,
      webhooks: { http: gateway.webhooks.http, private_addresses: gateway.webhooks.privateAddresses },
      log_prompts: gateway.logPrompts,
      traces: gateway.traces,
    },
    dashboard: {
      samples_kept: dashboard.samplesKept,
      samples_kept_seconds: dashboard.samplesKeptSeconds,
      audit_kept: dashboard.auditKept,
      audit_kept_days: dashboard.auditKeptDays,
    },
    pricing: { usd_per_gpu_hour: config.pricing.usdPerGpuHour },
  };
}

function poolFields(pool: PoolConfig): PoolFields {
  return {
    level: pool.level,
    model: pool.model,
    priority: pool.priority,
    description: pool.description,
    tensor_parallelism: { ...pool.tensorParallelism },
    gpu_budget: { ...pool.gpuBudget },
    max_workers: pool.maxWorkers,
    min_workers: pool.minWorkers,
    gpu_memory_utilization: pool.gpuMemoryUtilization,
    scale_up_threshold: {
      prefill_queue: pool.scaleUpThreshold.prefillQueue,
      decode_kv: pool.scaleUpThreshold.decodeKv,
    },
    scaling: { aggressiveness: pool.scaling.aggressiveness, look_ahead: pool.scaling.lookAhead },
    burst_protection: pool.burstProtection,
    cost_optimization: pool.costOptimization,
    advisory: pool.advisory,
    performance_buffer: pool.performanceBuffer,
    latency_percentile: pool.latencyPercentile,
    violations_allowed: pool.violationsAllowed,
    load_predictor: pool.loadPredictor,
    ttft_target: pool.targets.ttftSeconds,
    itl_target: pool.targets.itlSeconds,
    expected_isl: pool.expected.isl,
    expected_osl: pool.expected.osl,
    disaggregation: {
      enabled: pool.disaggregation.enabled,
      min_prompt_tokens: pool.disaggregation.minPromptTokens,
      prefill_workers: pool.disaggregation.prefillWorkers,
    },
    overload: { policy: pool.overload.policy, late_bound_seconds: pool.overload.lateBoundSeconds },
    admission: { policy: pool.admission.policy, waiting_room: pool.admission.waitingRoom },
    queue_timeout_seconds: pool.queueTimeoutSeconds,
    idle_after_seconds: pool.idleAfterSeconds,
    burst_calm_seconds: pool.burstCalmSeconds,
    engine: engineFields(pool.engine),
  };
}

function comment(about: string, unit: string): string {
  return unit === '' ? ` ${about}` : ` ${about} [${unit}]`;
}

/** Writes each field's comment above its key. */
function commentFields(node: Node | unknown, about: ReadonlyMap<string, string>, prefix = ''): void {
  if (!isMap(node)) return;
  for (const { key, value } of node.items) {
    if (!isScalar(key)) continue;
    const name = `${prefix}${String(key.value)}`;
    const text = about.get(name);
    if (text !== undefined) key.commentBefore = text;
    commentFields(value, about, `${name}.`);
  }
}
