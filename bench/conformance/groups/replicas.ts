import { z } from 'zod';
import {
  type ClassicBudget,
  floorBudget,
  gpusOf,
  roundBudget,
} from '../../../src/planning/classic/budget.js';
import {
  type ClassicLoad,
  classicReplicas,
  profiledReplicas,
} from '../../../src/planning/classic/replicas.js';
import { number } from '../cases.js';
import { type Group, group } from './group.js';

const budgetFields = {
  prefill_engine_num_gpu: number,
  decode_engine_num_gpu: number,
  min_endpoint: number,
  max_gpu_budget: number,
};
const loadFields = {
  num_req: number,
  isl: number,
  osl: number,
  interval_s: number,
  p_correction: number,
  d_correction: number,
};

const fixedSchema = z.object({
  ...loadFields,
  ...budgetFields,
  prefill_thpt_per_gpu: number,
  decode_thpt_per_gpu: number,
});
const profiledSchema = z.object({
  ...loadFields,
  ...budgetFields,
  profile: z.string().min(1),
  itl_ms: number,
  budget_variant: z.enum(['round', 'floor']).nullable(),
});

/** Throughputs are given; the budget is the floor rule, which was upstream's at the recorded commit. */
export const fixedThroughput: Group = group(fixedSchema, (inputs) => {
  const plan = classicReplicas(
    loadOf(inputs),
    { prefillPerGpu: inputs.prefill_thpt_per_gpu, decodePerGpu: inputs.decode_thpt_per_gpu },
    { prefill: inputs.p_correction, decode: inputs.d_correction },
    budgetOf(inputs),
    'floor',
  );
  return {
    prefill_before_budget: plan.beforeBudget?.prefill ?? null,
    decode_before_budget: plan.beforeBudget?.decode ?? null,
    num_prefill: plan.replicas?.prefill ?? null,
    num_decode: plan.replicas?.decode ?? null,
  };
});

export const profiled: Group = group(profiledSchema, (inputs, { profiles }) => {
  const plan = profiledReplicas(
    profiles.get(inputs.profile),
    loadOf(inputs),
    { itlMs: inputs.itl_ms },
    { prefill: inputs.p_correction, decode: inputs.d_correction },
    budgetOf(inputs),
    inputs.budget_variant,
  );
  return {
    num_prefill: plan.replicas?.prefill ?? null,
    num_decode: plan.replicas?.decode ?? null,
    raw_prefill: plan.raw.prefill,
    raw_decode: plan.raw.decode,
    prefill_before_budget: plan.beforeBudget?.prefill ?? null,
    decode_before_budget: plan.beforeBudget?.decode ?? null,
    prefill_throughput_tok_s: plan.prefillTokensPerSecond,
    prefill_thpt_per_gpu: plan.prefillThroughputPerGpu,
    decode_throughput_tok_s: plan.decodeTokensPerSecond,
    decode_thpt_per_gpu: plan.choice?.throughputPerGpu ?? null,
    decode_itl_at_choice_ms: plan.choice?.itlMs ?? null,
    decode_kv_usage_at_choice: plan.choice?.kvUsage ?? null,
    corrected_itl_ms: plan.correctedItlMs,
  };
});

const budgetSchema = z.object({ ...budgetFields, num_prefill: number, num_decode: number });

export const budget: Group = group(budgetSchema, (inputs) => {
  const want = { prefill: inputs.num_prefill, decode: inputs.num_decode };
  const limits = budgetOf(inputs);
  const [round, floor] = [roundBudget(want, limits), floorBudget(want, limits)];
  return {
    round_variant: [round.prefill, round.decode],
    round_variant_gpus: gpusOf(round, limits),
    floor_variant: [floor.prefill, floor.decode],
    floor_variant_gpus: gpusOf(floor, limits),
  };
});

function loadOf(inputs: { num_req: number; isl: number; osl: number; interval_s: number }): ClassicLoad {
  return { requests: inputs.num_req, isl: inputs.isl, osl: inputs.osl, intervalSeconds: inputs.interval_s };
}

function budgetOf(inputs: {
  prefill_engine_num_gpu: number;
  decode_engine_num_gpu: number;
  min_endpoint: number;
  max_gpu_budget: number;
}): ClassicBudget {
  return {
    prefillGpus: inputs.prefill_engine_num_gpu,
    decodeGpus: inputs.decode_engine_num_gpu,
    minEndpoint: inputs.min_endpoint,
    maxGpus: inputs.max_gpu_budget,
  };
}
