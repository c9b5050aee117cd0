import { describe, expect, it } from 'vitest';
import { modelFor } from '../../../src/profile/roofline/generate.js';
import { readModelConfig } from '../../../src/profile/roofline/hf-config.js';

/** The fields of Llama 3.1 8B's config.json that matter. */
const llama = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 14336,
  num_attention_heads: 32,
  num_hidden_layers: 32,
  num_key_value_heads: 8,
  tie_word_embeddings: false,
  vocab_size: 128256,
};
const read = (json: unknown) => readModelConfig('m', 'config.json', json);

describe('reading a config.json', () => {
  it('gives the dimensions of the model', () => {
    expect(read(llama)).toEqual({ model: { ...modelFor('llama-3.1-8b'), model: 'm' }, weights: 'bf16' });
  });

  it('takes experts, their width, a head size of its own and the type of the weights', () => {
    const { model, weights } = read({
      ...llama,
      head_dim: 64,
      num_experts: 128,
      num_experts_per_tok: 8,
      moe_intermediate_size: 768,
      quantization_config: { quant_method: 'fp8' },
    });
    expect(model).toMatchObject({ headDim: 64, ffn: 768, experts: { count: 128, active: 8 } });
    expect(weights).toBe('fp8');
    const mixtral = read({ ...llama, num_local_experts: 8, num_experts_per_tok: 2 });
    expect(mixtral.model).toMatchObject({ ffn: 14336, experts: { count: 8, active: 2 } });
  });

  it('takes every head as a KV head where the file names none, and the text part of a model with several', () => {
    const { num_key_value_heads: _, ...without } = llama;
    expect(read(without).model.kvHeads).toBe(32);
    expect(read({ text_config: llama, vision_config: {} }).model.layers).toBe(32);
  });

  it('takes what the whole says of its weights for the text part, which wins where both say', () => {
    const { tie_word_embeddings: _, ...text_config } = llama;
    const whole = (more: object, text = {}) => read({ ...more, text_config: { ...text_config, ...text } });
    const [fp8, awq] = [{ quant_method: 'fp8' }, { quant_method: 'awq', bits: 4 }];
    expect(whole({ quantization_config: fp8 }).weights).toBe('fp8');
    expect(whole({ quantization_config: awq }, { quantization_config: fp8 }).weights).toBe('fp8');
    expect(() => whole({ quantization_config: awq })).toThrow('not bf16 or 8 bits (awq)');
    expect(whole({}).model.tiedEmbeddings).toBe(false);
    expect(whole({ tie_word_embeddings: true }).model.tiedEmbeddings).toBe(true);
    const untied = { tie_word_embeddings: false };
    expect(whole({ tie_word_embeddings: true }, untied).model.tiedEmbeddings).toBe(false);
  });

  it('takes compressed weights of 8 bits, whatever their activations have', () => {
    const group = { input_activations: { num_bits: 16 }, weights: { num_bits: 8, type: 'float' } };
    const quantization_config = { quant_method: 'compressed-tensors', config_groups: { group_0: group } };
    expect(read({ ...llama, quantization_config }).weights).toBe('fp8');
  });

  it('refuses heads of no size', () => {
    expect(() => read({ ...llama, hidden_size: 16 })).toThrow(
      'config.json: hidden_size: expected at least num_attention_heads, which is 32, got 16',
    );
  });

  it('names what is missing or wrong', () => {
    const { vocab_size: _, ...without } = llama;
    expect(() => read(without)).toThrow(/config\.json: not a model's config\.json: vocab_size/);
    expect(() => read({ ...llama, hidden_size: -1 })).toThrow('hidden_size');
    expect(() => read([])).toThrow("not a model's config.json");
  });

  it.each([
    [{ kv_lora_rank: 512 }, 'multi-head latent attention'],
    [{ n_shared_experts: 1 }, 'shared experts'],
    [{ shared_expert_intermediate_size: 4096 }, 'shared experts'],
    [{ model_type: 'gpt_neox' }, 'ungated feed-forward layer'],
    [{ num_experts: 8 }, '0 of 8 experts'],
    [{ quantization_config: { quant_method: 'awq', bits: 4 } }, 'not bf16 or 8 bits (awq)'],
    [{ quantization_config: { quant_method: 'gptq', bits: 4 } }, 'not bf16 or 8 bits (gptq)'],
    [{ quantization_config: { quant_method: 'modelopt', quant_algo: 'NVFP4' } }, '8 bits (modelopt)'],
    [
      {
        quantization_config: {
          quant_method: 'compressed-tensors',
          config_groups: { group_0: { weights: { type: 'int', num_bits: 4 } } },
        },
      },
      'quantization_config: a checkpoint whose weights are not bf16 or 8 bits (compressed-tensors)',
    ],
  ])('refuses %o, which the roofline does not describe', (fields, what) => {
    expect(() => read({ ...llama, ...fields })).toThrow(what);
  });
});
