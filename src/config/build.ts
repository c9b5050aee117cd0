import { dirname, resolve } from 'node:path';
import type { FileFields } from './file-schema.js';
import { defaultConfig } from './presets.js';
import type { Problems } from './problems.js';
import type { ReadPools } from './read-pools.js';
import type { Config } from './types.js';

/** The configuration from the fields of its file; what was left out is the default. */
export function buildConfig(
  fields: FileFields,
  { pools, complete }: ReadPools,
  file: string,
  problems: Problems,
): Config {
  const base = defaultConfig();
  const { planner, worker, queues, limits, gateway, dashboard, pricing } = fields;
  // Relative to the folder of the configuration file, as profiles are.
  const beside = (path: string | null | undefined) => (path == null ? null : resolve(dirname(file), path));
  const levels = [...new Set(pools.map(({ level }) => level))];
  return {
    namespace: fields.namespace ?? base.namespace,
    source: file,
    defaultLevel: complete
      ? defaultLevel(fields.default_level, levels, problems)
      : (fields.default_level ?? base.defaultLevel),
    inventory: { hosts: fields.inventory?.hosts ?? base.inventory.hosts },
    pools: Object.fromEntries(pools.map((pool) => [pool.name, pool])),
    planner: {
      fastIntervalSeconds: planner?.fast_interval_seconds ?? base.planner.fastIntervalSeconds,
      adjustmentIntervalSeconds:
        planner?.adjustment_interval_seconds ?? base.planner.adjustmentIntervalSeconds,
      telemetryStaleSeconds: planner?.telemetry_stale_seconds ?? base.planner.telemetryStaleSeconds,
      windowSeconds: planner?.window_seconds ?? base.planner.windowSeconds,
      transitionsKept: planner?.transitions_kept ?? base.planner.transitionsKept,
      decisionsKept: planner?.decisions_kept ?? base.planner.decisionsKept,
      historyKeptHours: planner?.history_kept_hours ?? base.planner.historyKeptHours,
    },
    worker: {
      heartbeatSeconds: worker?.heartbeat_seconds ?? base.worker.heartbeatSeconds,
      leaseSeconds: worker?.lease_seconds ?? base.worker.leaseSeconds,
      drainSeconds: worker?.drain_seconds ?? base.worker.drainSeconds,
      maxRestarts: worker?.max_restarts ?? base.worker.maxRestarts,
      restartBackoffSeconds: worker?.restart_backoff_seconds ?? base.worker.restartBackoffSeconds,
    },
    queues: {
      deadlineResolutionMs: queues?.deadline_resolution_ms ?? base.queues.deadlineResolutionMs,
      lockSeconds: queues?.lock_seconds ?? base.queues.lockSeconds,
      keepSeconds: queues?.keep_seconds ?? base.queues.keepSeconds,
      keepJobs: queues?.keep_jobs ?? base.queues.keepJobs,
      ingressConcurrency: queues?.ingress_concurrency ?? base.queues.ingressConcurrency,
      requestsPrefix: queues?.requests_prefix ?? base.queues.requestsPrefix,
    },
    limits: {
      maxPromptTokens: limits?.max_prompt_tokens ?? base.limits.maxPromptTokens,
      maxOutputTokens: limits?.max_output_tokens ?? base.limits.maxOutputTokens,
    },
    gateway: {
      host: gateway?.host ?? base.gateway.host,
      port: gateway?.port ?? base.gateway.port,
      auth: gateway?.auth ?? base.gateway.auth,
      tls: { cert: beside(gateway?.tls?.cert), key: beside(gateway?.tls?.key) },
      corsOrigins: gateway?.cors_origins ?? base.gateway.corsOrigins,
      maxBodyBytes: gateway?.max_body_bytes ?? base.gateway.maxBodyBytes,
      requestTimeoutSeconds: gateway?.request_timeout_seconds ?? base.gateway.requestTimeoutSeconds,
      defaultMaxTokens: gateway?.default_max_tokens ?? base.gateway.defaultMaxTokens,
      webhooks: {
        http: gateway?.webhooks?.http ?? base.gateway.webhooks.http,
        privateAddresses: gateway?.webhooks?.private_addresses ?? base.gateway.webhooks.privateAddresses,
      },
      logPrompts: gateway?.log_prompts ?? base.gateway.logPrompts,
      traces: beside(gateway?.traces),
    },
    dashboard: {
      samplesKept: dashboard?.samples_kept ?? base.dashboard.samplesKept,
      samplesKeptSeconds: dashboard?.samples_kept_seconds ?? base.dashboard.samplesKeptSeconds,
      auditKept: dashboard?.audit_kept ?? base.dashboard.auditKept,
      auditKeptDays: dashboard?.audit_kept_days ?? base.dashboard.auditKeptDays,
    },
    pricing: { usdPerGpuHour: pricing?.usd_per_gpu_hour ?? base.pricing.usdPerGpuHour },
  };
}

/** The named level, else medium, else the only one. */
function defaultLevel(named: string | undefined, levels: string[], problems: Problems): string {
  const level = named ?? (levels.length === 1 ? (levels[0] ?? 'medium') : 'medium');
  if (!levels.includes(level)) {
    const came = named === undefined ? 'nothing, and no pool serves medium' : JSON.stringify(named);
    problems.add(
      ['default_level'],
      `expected a level that a pool serves (${levels.join(', ')}), got ${came}`,
    );
  }
  return level;
}
