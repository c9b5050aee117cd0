import { Gauge, type Registry } from 'prom-client';
import type { WorkerSpec } from '../../contract/spec.js';
import type { EngineLoad } from '../../contract/worker.js';

/** What a worker tells of itself now. */
interface Told {
  /** null: its engine is not ready. */
  load: EngineLoad | null;
  /** Requests that it holds. */
  active: number;
}

const SHOWN: [name: string, help: string, of: (load: EngineLoad) => number | null][] = [
  [
    'sluice_worker_sequences_running',
    'Sequences in the batch of the engine.',
    (load) => load.runningSequences,
  ],
  [
    'sluice_worker_sequences_waiting',
    'Sequences whose prefill has not begun.',
    (load) => load.waitingSequences,
  ],
  [
    'sluice_worker_prefill_tokens_waiting',
    'Prompt tokens not yet prefilled.',
    (load) => load.waitingPrefillTokens,
  ],
  [
    'sluice_worker_kv_cache_usage_ratio',
    'KV blocks in use.',
    (load) => (load.totalKvBlocks === 0 ? null : load.usedKvBlocks / load.totalKvBlocks),
  ],
  [
    'sluice_worker_prefix_cache_hit_ratio',
    'Prompt tokens found in the prefix cache.',
    (load) => load.prefixHitRate,
  ],
  [
    'sluice_worker_generation_tokens',
    'Output tokens since the engine started.',
    (load) => load.generatedTokens,
  ],
  ['sluice_worker_preemptions', 'Preemptions since the engine started.', (load) => load.preemptions],
];

/** The engine of one worker, read at each scrape; nothing while it is not ready. */
export function engineGauges(registry: Registry, { role, tp }: WorkerSpec, tell: () => Told): void {
  const labels = { worker_role: role, tensor_parallel: String(tp) };
  const labelNames = Object.keys(labels);
  new Gauge({
    name: 'sluice_worker_requests_active',
    help: 'Requests that the worker holds.',
    labelNames,
    registers: [registry],
    collect() {
      this.set(labels, tell().active);
    },
  });
  for (const [name, help, of] of SHOWN) {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        const { load } = tell();
        const value = load === null ? null : of(load);
        if (value === null) this.reset();
        else this.set(labels, value);
      },
    });
  }
}
