/** What an engine's own /metrics say. Summed over data-parallel ranks, usage as their mean. null: not said. */
export interface EngineMetrics {
  running: number;
  waiting: number;
  /** 0..1 of the KV cache. */
  kvUsage: number;
  kvTokens: number | null;
  blockTokens: number | null;
  /** 0..1 of prompt tokens found in the prefix cache. */
  prefixHitRate: number | null;
  generatedTokens: number | null;
  preemptions: number | null;
}

interface Sample {
  labels: string;
  value: number;
}

/** Reads Prometheus text under the names of vLLM (V1, and those before it) or SGLang; null: neither's. */
export function readMetrics(text: string): EngineMetrics | null {
  const samples = parsePrometheus(text);
  return readVllm(samples) ?? readSglang(samples);
}

const LINE = /^(vllm:[a-z_]+|sglang:[a-z_]+)(?:\{(.*)\})?\s+(\S+)/;

/** Samples by name; a histogram's buckets and what is no number left out. */
function parsePrometheus(text: string): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    const [, name, labels = '', number] = LINE.exec(line) ?? [];
    const value = Number(number);
    if (name === undefined || name.endsWith('_bucket') || !Number.isFinite(value)) continue;
    const before = samples.get(name);
    if (before === undefined) samples.set(name, [{ labels, value }]);
    else before.push({ labels, value });
  }
  return samples;
}

function readVllm(samples: Map<string, Sample[]>): EngineMetrics | null {
  const running = total(samples, 'vllm:num_requests_running');
  const waiting = total(samples, 'vllm:num_requests_waiting');
  if (running === null || waiting === null) return null;
  const queries = total(samples, 'vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total');
  const hits = total(samples, 'vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total');
  const caches = samples.get('vllm:cache_config_info') ?? [];
  const blocks = caches.reduce((sum, { labels }) => sum + labelNumber(labels, 'num_gpu_blocks'), 0);
  const blockTokens = labelNumber(caches[0]?.labels ?? '', 'block_size');
  return {
    running,
    waiting,
    kvUsage: share(mean(samples, 'vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc') ?? 0),
    kvTokens: blocks > 0 && blockTokens > 0 ? blocks * blockTokens : null,
    blockTokens: blockTokens > 0 ? blockTokens : null,
    prefixHitRate: queries !== null && hits !== null && queries > 0 ? share(hits / queries) : null,
    generatedTokens: total(samples, 'vllm:generation_tokens_total'),
    preemptions: total(samples, 'vllm:num_preemptions_total'),
  };
}

function readSglang(samples: Map<string, Sample[]>): EngineMetrics | null {
  const running = total(samples, 'sglang:num_running_reqs');
  const waiting = total(samples, 'sglang:num_queue_reqs');
  if (running === null || waiting === null) return null;
  const usage = mean(samples, 'sglang:token_usage') ?? 0;
  const used = total(samples, 'sglang:num_used_tokens');
  return {
    running,
    waiting,
    kvUsage: share(usage),
    kvTokens:
      total(samples, 'sglang:max_total_num_tokens') ?? (used !== null && usage > 0 ? used / usage : null),
    blockTokens: null,
    prefixHitRate: mean(samples, 'sglang:cache_hit_rate'),
    generatedTokens: total(samples, 'sglang:generation_tokens_total'),
    preemptions: null,
  };
}

/** Sum of the first of the names that is there; a negative value is not believed. */
function total(samples: Map<string, Sample[]>, ...names: string[]): number | null {
  for (const name of names) {
    const found = samples.get(name);
    if (found !== undefined) return found.reduce((sum, { value }) => sum + Math.max(0, value), 0);
  }
  return null;
}

function mean(samples: Map<string, Sample[]>, ...names: string[]): number | null {
  const found = names.map((name) => samples.get(name)).find((each) => each !== undefined);
  return found === undefined ? null : found.reduce((sum, { value }) => sum + value, 0) / found.length;
}

function share(value: number): number {
  return Math.min(1, Math.max(0, value));
}

function labelNumber(labels: string, name: string): number {
  const value = Number(new RegExp(`(?:^|,)\\s*${name}="([^"]*)"`).exec(labels)?.[1]);
  return Number.isFinite(value) ? value : 0;
}
