import { z } from 'zod';
import { latestByEngine } from '../../../src/planning/classic/thresholds/engines.js';
import { ThresholdPlanner } from '../../../src/planning/classic/thresholds/planner.js';
import type {
  EngineCapability,
  PassMetrics,
  ThresholdConfig,
  ThresholdDecision,
} from '../../../src/planning/classic/thresholds/types.js';
import { number } from '../cases.js';
import { type Group, group } from './group.js';

const threshold = number.nullish();
const configSchema = z.object({
  mode: z.enum(['prefill', 'decode', 'disagg', 'agg']),
  optimization_target: z.enum(['throughput', 'latency', 'load']),
  min_endpoint: number,
  max_gpu_budget: number,
  min_gpu_budget: number.default(-1),
  load_adjustment_interval_seconds: number,
  enable_load_scaling: z.boolean().default(true),
  prefill_scale_up_queue_tokens: threshold,
  prefill_scale_down_queue_tokens: threshold,
  decode_scale_up_kv_rate: threshold,
  decode_scale_down_kv_rate: threshold,
});

const capabilitySchema = z.object({
  num_gpu: number.nullish(),
  context_length: number.nullish(),
  max_kv_tokens: number.nullish(),
});

const tokens = z
  .object({ sum_prefill_tokens: number.default(0), sum_decode_kv_tokens: number.default(0) })
  .prefault({});
const passSchema = z.object({
  worker_id: z.string(),
  dp_rank: z.number().default(0),
  scheduled_requests: tokens,
  queued_requests: tokens,
});
const passes = z.array(passSchema).nullish();

const tickSchema = z.object({
  tick: z.object({ run_load_scaling: z.boolean(), run_throughput_scaling: z.literal(false).default(false) }),
  now_s: number,
  worker_counts: z
    .object({
      ready_num_prefill: number.nullish(),
      ready_num_decode: number.nullish(),
      expected_num_prefill: number.nullish(),
      expected_num_decode: number.nullish(),
      prefill_scaling_in_progress: z.boolean().default(false),
      decode_scaling_in_progress: z.boolean().default(false),
    })
    .nullish(),
  fpm: z.object({ prefill: passes, decode: passes }).nullish(),
});

const schema = z.object({
  config: configSchema,
  capabilities: z
    .object({ prefill: capabilitySchema.nullish(), decode: capabilitySchema.nullish() })
    .nullish(),
  steps: z.array(z.object({ op: z.literal('tick'), input: tickSchema })).min(1),
});

export const staticThresholds: Group = group(schema, ({ config, capabilities, steps }) => {
  const planner = new ThresholdPlanner(configOf(config), {
    prefill: capabilityOf(capabilities?.prefill),
    decode: capabilityOf(capabilities?.decode),
  });
  return {
    steps: steps.map(({ input }) => {
      const counts = input.worker_counts;
      return stepFields(
        planner.tick({
          nowSeconds: input.now_s,
          runLoadScaling: input.tick.run_load_scaling,
          workers: counts
            ? {
                readyPrefill: counts.ready_num_prefill ?? undefined,
                readyDecode: counts.ready_num_decode ?? undefined,
                expectedPrefill: counts.expected_num_prefill ?? undefined,
                expectedDecode: counts.expected_num_decode ?? undefined,
                prefillScaling: counts.prefill_scaling_in_progress,
                decodeScaling: counts.decode_scaling_in_progress,
              }
            : null,
          passes: input.fpm
            ? { prefill: metricsOf(input.fpm.prefill), decode: metricsOf(input.fpm.decode) }
            : null,
        }),
      );
    }),
  };
});

/** As recorded: fields without a value are left out; the throughput bounds stay at 1 with static thresholds. */
function stepFields(decision: ThresholdDecision): Record<string, unknown> {
  const { scaleTo, reason, prefillReason, decodeReason } = decision;
  return {
    scale_to: scaleTo === null ? null : present({ num_prefill: scaleTo.prefill, num_decode: scaleTo.decode }),
    diagnostics: present({
      throughput_lower_bound_prefill: 1,
      throughput_lower_bound_decode: 1,
      load_decision_reason: reason,
      load_decision_reason_prefill: prefillReason,
      load_decision_reason_decode: decodeReason,
    }),
    next_tick_at_s: decision.nextTickSeconds,
    lower_bound_p: 1,
    lower_bound_d: 1,
  };
}

function present(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  );
}

function configOf(config: z.infer<typeof configSchema>): ThresholdConfig {
  return {
    mode: config.mode,
    target: config.optimization_target,
    enabled: config.enable_load_scaling,
    minEndpoint: config.min_endpoint,
    maxGpus: config.max_gpu_budget,
    minGpus: config.min_gpu_budget,
    intervalSeconds: config.load_adjustment_interval_seconds,
    prefillQueueTokens: {
      up: config.prefill_scale_up_queue_tokens ?? null,
      down: config.prefill_scale_down_queue_tokens ?? null,
    },
    decodeKvRate: {
      up: config.decode_scale_up_kv_rate ?? null,
      down: config.decode_scale_down_kv_rate ?? null,
    },
  };
}

function capabilityOf(
  capability: z.infer<typeof capabilitySchema> | null | undefined,
): EngineCapability | null {
  if (!capability) return null;
  return {
    gpus: capability.num_gpu ?? null,
    contextLength: capability.context_length ?? null,
    maxKvTokens: capability.max_kv_tokens ?? null,
  };
}

function metricsOf(seen: z.infer<typeof passes>): PassMetrics[] {
  return latestByEngine(
    (seen ?? []).map((pass) => ({
      workerId: pass.worker_id,
      rank: pass.dp_rank,
      scheduledDecodeKvTokens: pass.scheduled_requests.sum_decode_kv_tokens,
      queuedPrefillTokens: pass.queued_requests.sum_prefill_tokens,
      queuedDecodeKvTokens: pass.queued_requests.sum_decode_kv_tokens,
    })),
  );
}
