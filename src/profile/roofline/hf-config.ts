import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import { isRecord } from '../../contract/reply.js';
import type { WeightType } from './costs.js';
import type { ModelDimensions } from './models.js';

const count = z.number().int().positive();

/** What is read of a Hugging Face `config.json`; names as there. */
const schema = z.object({
  model_type: z.string().optional(),
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  num_key_value_heads: count.optional(),
  head_dim: count.nullish(),
  intermediate_size: count,
  moe_intermediate_size: count.optional(),
  vocab_size: count,
  tie_word_embeddings: z.boolean().default(false),
  num_local_experts: count.optional(),
  num_experts: count.optional(),
  n_routed_experts: count.optional(),
  num_experts_per_tok: count.optional(),
  n_shared_experts: z.number().nullish(),
  shared_expert_intermediate_size: z.number().nullish(),
  kv_lora_rank: z.number().nullish(),
  quantization_config: z
    .looseObject({ quant_method: z.string().optional(), quant_algo: z.string().nullish() })
    .nullish(),
});

/** Methods whose weights take a byte each, unless they say otherwise. */
const BYTE_METHODS = /fp8|modelopt|compressed/i;

/** Families whose feed-forward layers have two matrices, not three. */
const TWO_MATRICES = new Set(['opt', 'gpt_neox', 'starcoder2', 'phi', 'falcon', 'bloom', 'gptj']);

/**
 * The dimensions that a model's `config.json` gives, of its text part where it has others, and the type of its weights.
 * @throws SluiceError invalid_config that names the file and the field: one that is missing or wrong, or one that says
 * that the model is built as this roofline does not describe (latent attention, shared experts, ungated layers).
 */
export function readModelConfig(
  name: string,
  file: string,
  json: unknown,
): { model: ModelDimensions; weights: WeightType } {
  const parsed = schema.safeParse(textPart(json));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      (issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`,
    );
    throw new SluiceError('invalid_config', `${file}: not a model's config.json: ${problems.join('; ')}`);
  }
  const c = parsed.data;
  const refuse = (field: string, what: string) => {
    throw new SluiceError('invalid_config', `${file}: ${field}: ${what} is not described by this roofline`);
  };
  if (c.kv_lora_rank) refuse('kv_lora_rank', 'multi-head latent attention');
  if (c.n_shared_experts) refuse('n_shared_experts', 'a layer with shared experts');
  if (c.shared_expert_intermediate_size)
    refuse('shared_expert_intermediate_size', 'a layer with shared experts');
  if (TWO_MATRICES.has(c.model_type ?? ''))
    refuse('model_type', `an ungated feed-forward layer (${c.model_type})`);
  const experts = c.num_local_experts ?? c.num_experts ?? c.n_routed_experts ?? 0;
  const active = c.num_experts_per_tok ?? 0;
  if (experts > 1 && !(active >= 1 && active <= experts)) {
    refuse('num_experts_per_tok', `${active} of ${experts} experts`);
  }
  const headDim = c.head_dim ?? Math.floor(c.hidden_size / c.num_attention_heads);
  if (headDim < 1)
    throw new SluiceError(
      'invalid_config',
      `${file}: hidden_size: expected at least num_attention_heads, which is ${c.num_attention_heads}, got ${c.hidden_size}; correct it, or name head_dim`,
    );
  const method = c.quantization_config?.quant_method;
  if (method !== undefined && !(BYTE_METHODS.test(method) && inBytes(c.quantization_config)))
    refuse('quantization_config', `a checkpoint whose weights are not bf16 or 8 bits (${method})`);
  return {
    model: {
      model: name,
      layers: c.num_hidden_layers,
      hidden: c.hidden_size,
      ffn: experts > 1 ? (c.moe_intermediate_size ?? c.intermediate_size) : c.intermediate_size,
      heads: c.num_attention_heads,
      kvHeads: c.num_key_value_heads ?? c.num_attention_heads,
      headDim,
      vocabulary: c.vocab_size,
      tiedEmbeddings: c.tie_word_embeddings,
      experts: experts > 1 ? { count: experts, active } : null,
    },
    weights: method === undefined ? 'bf16' : 'fp8',
  };
}

/** No group of weights and no algorithm, such as NVFP4 or W4A16, says that a weight has other than 8 bits. */
function inBytes(quantization: unknown): boolean {
  const text = JSON.stringify(quantization);
  const bits = [...text.matchAll(/"weights":\{[^{}]*?"num_bits":(\d+)/g)].map(([, count]) => Number(count));
  return bits.every((count) => count === 8) && !/"quant_(?:algo|method)":"[^"]*(?:FP4|W4|INT4)/i.test(text);
}

/** What the whole says of its weights holds for its text part too, unless that says otherwise. */
function textPart(json: unknown): unknown {
  if (!isRecord(json) || !('text_config' in json)) return json;
  const { text_config: text, quantization_config, tie_word_embeddings } = json;
  if (!isRecord(text)) return text;
  return {
    ...text,
    quantization_config: text.quantization_config ?? quantization_config,
    tie_word_embeddings: text.tie_word_embeddings ?? tie_word_embeddings,
  };
}
