import { SluiceError } from '../../../contract/errors.js';
import type { Probe } from './probe.js';

/** What is to be measured. Lengths in tokens. */
export interface SweepPlan {
  isl: readonly number[];
  /** Runs of each prompt length, of which the median counts. */
  repeats: number;
  concurrency: readonly number[];
  context: readonly number[];
  /** Tokens of each sequence that a decode point is taken from. */
  window: number;
  /** KV cache of the engine. */
  kvTokens: number;
  /** GPUs of the engine. */
  gpus: number;
}

/** The measured columns of our JSON (docs/profile.md). */
export interface Sweep {
  prefill: { isl: number[]; ttft_ms: number[]; thpt_per_gpu: number[] };
  decode: {
    kv_usage: number[];
    context_length: number[];
    itl_ms: number[];
    thpt_per_gpu: number[];
    max_kv_tokens: number;
  };
  /** Points that were left out, and why. */
  skipped: string[];
}

/** Of the KV cache, that a point may take: beyond, an engine preempts. */
const MOST_KV = 0.9;
const MOST_TOKENS = 8192;

/**
 * Measures TTFT of lone prompts, then ITL of steady batches. `say` is told of each point.
 * Errors: the engine's, other than of a prompt that is too long: that point, and longer ones, are left out.
 */
export async function sweep(probe: Probe, plan: SweepPlan, say: (line: string) => void): Promise<Sweep> {
  const skipped: string[] = [];
  await probe.alone(64); // connections, and whatever an engine does once
  const prefill = await sweepPrefill(probe, plan, say, skipped);
  const decode = await sweepDecode(probe, plan, prefill, say, skipped);
  if (decode.itl_ms.length === 0) {
    throw new SluiceError(
      'engine_failed',
      `expected at least one decode point, got none: ${skipped.join('; ')}`,
    );
  }
  return { prefill, decode, skipped };
}

async function sweepPrefill(
  probe: Probe,
  plan: SweepPlan,
  say: (line: string) => void,
  skipped: string[],
): Promise<Sweep['prefill']> {
  const columns: Sweep['prefill'] = { isl: [], ttft_ms: [], thpt_per_gpu: [] };
  for (const tokens of [...plan.isl].sort((a, b) => a - b)) {
    const runs: { isl: number; ttftMs: number }[] = [];
    try {
      for (let run = 0; run < plan.repeats; run++) runs.push(await probe.alone(tokens));
    } catch (error) {
      const { code, message } = SluiceError.from(error);
      if (code !== 'prompt_too_long') throw error;
      skipped.push(`prompts of ${tokens} tokens and more: ${message}`);
      break;
    }
    const isl = Math.round(median(runs.map((run) => run.isl)));
    const ttftMs = median(runs.map((run) => run.ttftMs));
    // The columns must rise: two lengths that the engine counts the same are one point.
    if (isl <= (columns.isl.at(-1) ?? 0)) continue;
    columns.isl.push(isl);
    columns.ttft_ms.push(round(ttftMs));
    columns.thpt_per_gpu.push(round((isl / ttftMs / plan.gpus) * 1000));
    say(`prefill  ISL ${isl}: TTFT ${ttftMs.toFixed(1)} ms`);
  }
  return columns;
}

async function sweepDecode(
  probe: Probe,
  plan: SweepPlan,
  prefill: Sweep['prefill'],
  say: (line: string) => void,
  skipped: string[],
): Promise<Sweep['decode']> {
  const columns: Sweep['decode'] = {
    ...{ kv_usage: [], context_length: [], itl_ms: [], thpt_per_gpu: [] },
    max_kv_tokens: plan.kvTokens,
  };
  for (const context of plan.context) {
    let itlMs = 5;
    for (const batch of [...plan.concurrency].sort((a, b) => a - b)) {
      // The first to decode must still do so when the last begins: so long do the other prompts take.
      const stagger = Math.ceil((batch * ttftOf(prefill, context)) / itlMs);
      const most = Math.min(MOST_TOKENS, stagger + 2 * plan.window);
      const what = `${batch} sequences of ${context} tokens`;
      if (batch * (context + most) > plan.kvTokens * MOST_KV) {
        skipped.push(`${what}: they do not fit ${MOST_KV * 100} % of the KV cache`);
        continue;
      }
      const steady = await probe.together(batch, context, plan.window, most);
      if (steady === null) {
        skipped.push(`${what}: they hardly ran at the same time (does the engine cap its sequences?)`);
        continue;
      }
      ({ itlMs } = steady);
      const length = context + steady.made;
      columns.kv_usage.push((batch * length) / plan.kvTokens);
      columns.context_length.push(round(length));
      columns.itl_ms.push(round(itlMs));
      columns.thpt_per_gpu.push(round((batch / itlMs / plan.gpus) * 1000));
      say(`decode   ${what}: ITL ${itlMs.toFixed(2)} ms`);
    }
  }
  return columns;
}

/** TTFT of a prompt length between measured ones, ms; beyond them in proportion to the longest. */
function ttftOf({ isl, ttft_ms }: Sweep['prefill'], tokens: number): number {
  const at = isl.findIndex((length) => length >= tokens);
  const i = at < 0 ? isl.length - 1 : at;
  const [length = 1, ms = 100] = [isl[i], ttft_ms[i]];
  return at < 0 ? (ms * tokens) / length : ms;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}
