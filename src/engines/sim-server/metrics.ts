import type { EngineLoad } from '../../contract/worker.js';

/** Bucket bounds of vLLM's histograms, seconds. */
const TTFT_BOUNDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
  2560,
];
const ITL_BOUNDS = [
  0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];

class Histogram {
  readonly #counts: number[];
  #sum = 0;

  constructor(private readonly bounds: readonly number[]) {
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(seconds: number): void {
    let at = 0;
    while (at < this.bounds.length && seconds > (this.bounds[at] ?? 0)) at++;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
  }

  render(name: string, labels: string): string[] {
    let total = 0;
    const buckets = this.#counts.map((count, i) => {
      total += count;
      return `${name}_bucket{le="${this.bounds[i] ?? '+Inf'}",${labels}} ${total}`;
    });
    const type = `# TYPE ${name} histogram`;
    return [type, ...buckets, `${name}_sum{${labels}} ${this.#sum}`, `${name}_count{${labels}} ${total}`];
  }
}

/** What the server counts beside its engine's load; exposed under vLLM's names (V1, and the older ones beside them). */
export class SimMetrics {
  readonly ttft = new Histogram(TTFT_BOUNDS);
  readonly itl = new Histogram(ITL_BOUNDS);
  /** By finish reason. */
  readonly finished = new Map<string, number>();
  promptTokens = 0;
  /** KV hand-overs by side and outcome: what tests of the disaggregated protocol look at. */
  readonly transfers = { kept: 0, given: 0, fetched: 0, failed: 0 };

  finish(reason: string): void {
    this.finished.set(reason, (this.finished.get(reason) ?? 0) + 1);
  }

  /** Prometheus text. */
  render(
    model: string,
    load: EngineLoad,
    prefix: { queries: number; hits: number },
    memory: { gpuMemoryUtilization: number; prefixCache: boolean },
  ): string {
    const labels = `engine="0",model_name=${JSON.stringify(model)}`;
    const usage = load.totalKvBlocks > 0 ? load.usedKvBlocks / load.totalKvBlocks : 0;
    const gauge = (name: string, value: number) => [`# TYPE ${name} gauge`, `${name}{${labels}} ${value}`];
    const counter = (name: string, value: number) => [
      `# TYPE ${name} counter`,
      `${name}{${labels}} ${value}`,
    ];
    const cache =
      `block_size="${load.blockTokens}",enable_prefix_caching="${memory.prefixCache}",` +
      `gpu_memory_utilization="${memory.gpuMemoryUtilization}",num_gpu_blocks="${load.totalKvBlocks}"`;
    return [
      ...gauge('vllm:num_requests_running', load.runningSequences),
      ...gauge('vllm:num_requests_waiting', load.waitingSequences),
      ...gauge('vllm:kv_cache_usage_perc', usage),
      ...gauge('vllm:gpu_cache_usage_perc', usage),
      ...counter('vllm:prefix_cache_queries_total', prefix.queries),
      ...counter('vllm:prefix_cache_hits_total', prefix.hits),
      ...counter('vllm:num_preemptions_total', load.preemptions),
      ...counter('vllm:prompt_tokens_total', this.promptTokens),
      ...counter('vllm:generation_tokens_total', load.generatedTokens),
      '# TYPE vllm:request_success_total counter',
      ...[...this.finished].map(
        ([reason, count]) => `vllm:request_success_total{finished_reason="${reason}",${labels}} ${count}`,
      ),
      '# TYPE vllm:cache_config_info gauge',
      `vllm:cache_config_info{${cache},engine="0"} 1`,
      ...this.ttft.render('vllm:time_to_first_token_seconds', labels),
      ...this.itl.render('vllm:inter_token_latency_seconds', labels),
      ...this.itl.render('vllm:time_per_output_token_seconds', labels),
      '# TYPE sluice_sim:kv_transfers_total counter',
      ...Object.entries(this.transfers).map(
        ([what, count]) => `sluice_sim:kv_transfers_total{what="${what}",${labels}} ${count}`,
      ),
      '',
    ].join('\n');
  }
}
