import { unreachable } from '../../../contract/errors.js';
import type { Capabilities, LoadReason, PassMetrics, ThresholdConfig } from './types.js';

/** Replicas that one role wants, or why it wants none. */
export type RoleDecision =
  | { want: number }
  | { want: null; reason: Extract<LoadReason, 'insufficient_data' | 'no_change'> };

const INSUFFICIENT: RoleDecision = { want: null, reason: 'insufficient_data' };

interface Thresholds {
  up: number;
  down: number;
  /** Whether a value on the threshold counts as beyond it. */
  upInclusive: boolean;
  downInclusive: boolean;
}

/**
 * Queued prompt tokens of each engine over its context length (`load`: the tokens themselves). One engine at the upper
 * threshold adds a worker; all below the lower one take one away.
 */
export function decidePrefill(
  passes: readonly PassMetrics[],
  workers: number,
  config: ThresholdConfig,
  capabilities: Capabilities,
): RoleDecision {
  const thresholds = prefillThresholds(config);
  const context = config.target === 'load' ? 1 : capabilities.prefill?.contextLength;
  if (workers === 0 || thresholds === null || !isPositive(context)) return INSUFFICIENT;
  return step(
    passes.map((pass) => pass.queuedPrefillTokens / context),
    workers,
    thresholds,
    config,
  );
}

/**
 * Scheduled and queued decode tokens of each engine over its KV cache; aggregated workers count their queued prompt
 * tokens too.
 */
export function decideDecode(
  passes: readonly PassMetrics[],
  workers: number,
  config: ThresholdConfig,
  capabilities: Capabilities,
): RoleDecision {
  const thresholds = decodeThresholds(config);
  const capacity = capabilities.decode?.maxKvTokens;
  if (workers === 0 || thresholds === null || !isPositive(capacity)) return INSUFFICIENT;
  const aggregated = config.mode === 'agg';
  const used = passes.map(
    (pass) =>
      (pass.scheduledDecodeKvTokens +
        pass.queuedDecodeKvTokens +
        (aggregated ? pass.queuedPrefillTokens : 0)) /
      capacity,
  );
  return step(used, workers, thresholds, config);
}

function step(
  values: readonly number[],
  workers: number,
  thresholds: Thresholds,
  config: ThresholdConfig,
): RoleDecision {
  const { up, down, upInclusive, downInclusive } = thresholds;
  if (values.some((value) => (upInclusive ? value >= up : value > up))) return { want: workers + 1 };
  if (workers > 1 && values.every((value) => (downInclusive ? value <= down : value < down))) {
    return { want: Math.max(workers - 1, config.minEndpoint) };
  }
  return { want: null, reason: 'no_change' };
}

function prefillThresholds(config: ThresholdConfig): Thresholds | null {
  switch (config.target) {
    case 'throughput':
      return { up: 1, down: 0.1, upInclusive: true, downInclusive: false };
    case 'latency':
      return { up: 0.1, down: 0, upInclusive: true, downInclusive: true };
    case 'load': {
      const { up, down } = config.prefillQueueTokens;
      return up === null || down === null ? null : { up, down, upInclusive: true, downInclusive: true };
    }
    default:
      return unreachable(config.target);
  }
}

function decodeThresholds(config: ThresholdConfig): Thresholds | null {
  switch (config.target) {
    case 'throughput':
      return { up: 1, down: 0.6, upInclusive: false, downInclusive: false };
    case 'latency':
      return { up: 0.4, down: 0.1, upInclusive: false, downInclusive: false };
    case 'load': {
      const { up, down } = config.decodeKvRate;
      if (up === null || down === null) return null;
      return { up: up / 100, down: down / 100, upInclusive: true, downInclusive: true };
    }
    default:
      return unreachable(config.target);
  }
}

function isPositive(value: number | null | undefined): value is number {
  return value !== null && value !== undefined && value > 0;
}
