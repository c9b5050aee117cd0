/** Dimensions of a decoder with grouped-query attention and gated feed-forward layers. */
export interface ModelDimensions {
  model: string;
  layers: number;
  hidden: number;
  /** Width of a feed-forward layer, of one expert where there are experts. */
  ffn: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocabulary: number;
  /** The output head is the embedding table itself. */
  tiedEmbeddings: boolean;
  /** Experts of each layer, and how many of them compute a token; null: dense. */
  experts: { count: number; active: number } | null;
}

type Row = readonly [
  layers: number,
  hidden: number,
  ffn: number,
  heads: number,
  kvHeads: number,
  headDim: number,
  vocabulary: number,
];

/** From the `config.json` that each model is published with. */
const DENSE: Record<string, Row> = {
  'llama-3.1-8b': [32, 4096, 14336, 32, 8, 128, 128256],
  'llama-3.1-70b': [80, 8192, 28672, 64, 8, 128, 128256],
  'llama-3.3-70b': [80, 8192, 28672, 64, 8, 128, 128256],
  'llama-3.1-405b': [126, 16384, 53248, 128, 8, 128, 128256],
  'mistral-7b': [32, 4096, 14336, 32, 8, 128, 32768],
  'qwen2.5-7b': [28, 3584, 18944, 28, 4, 128, 152064],
  'qwen2.5-14b': [48, 5120, 13824, 40, 8, 128, 152064],
  'qwen2.5-32b': [64, 5120, 27648, 40, 8, 128, 152064],
  'qwen2.5-72b': [80, 8192, 29568, 64, 8, 128, 152064],
  'qwen3-8b': [36, 4096, 12288, 32, 8, 128, 151936],
  'qwen3-32b': [64, 5120, 25600, 64, 8, 128, 151936],
};
const TIED: Record<string, Row> = {
  'llama-3.2-1b': [16, 2048, 8192, 32, 8, 64, 128256],
  'llama-3.2-3b': [28, 3072, 8192, 24, 8, 128, 128256],
};
const EXPERTS: Record<string, { row: Row; count: number; active: number }> = {
  'mixtral-8x7b': { row: [32, 4096, 14336, 32, 8, 128, 32000], count: 8, active: 2 },
  'mixtral-8x22b': { row: [56, 6144, 16384, 48, 8, 128, 32768], count: 8, active: 2 },
  'qwen3-30b-a3b': { row: [48, 2048, 768, 32, 4, 128, 151936], count: 128, active: 8 },
  'qwen3-235b-a22b': { row: [94, 4096, 1536, 64, 4, 128, 151936], count: 128, active: 8 },
};

const MODELS: readonly ModelDimensions[] = [
  ...Object.entries(DENSE).map(([name, row]) => dimensions(name, row, false, null)),
  ...Object.entries(TIED).map(([name, row]) => dimensions(name, row, true, null)),
  ...Object.entries(EXPERTS).map(([name, { row, ...experts }]) => dimensions(name, row, false, experts)),
];

export const MODEL_NAMES: readonly string[] = MODELS.map(({ model }) => model).sort();

/**
 * The model of a name such as `llama-3.1-8b` or `nvidia/Llama-3.1-8B-Instruct-FP8`: the longest known name that it
 * contains; null where it contains none.
 */
export function findModel(name: string): ModelDimensions | null {
  const text = name.toLowerCase();
  const found = MODELS.filter(({ model }) => text.includes(model));
  return found.sort((a, b) => b.model.length - a.model.length)[0] ?? null;
}

function dimensions(
  model: string,
  [layers, hidden, ffn, heads, kvHeads, headDim, vocabulary]: Row,
  tiedEmbeddings: boolean,
  experts: ModelDimensions['experts'],
): ModelDimensions {
  return { model, layers, hidden, ffn, heads, kvHeads, headDim, vocabulary, tiedEmbeddings, experts };
}
