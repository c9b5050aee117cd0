import type { PoolObservation } from '../../contract/observation.js';
import { capacityFacts } from '../../scheduler/planner-loop/facts.js';
import type { ScalerInput } from '../run/scaler.js';
import { TargetScaler, type Want } from './target-scaler.js';

/** Workers of each hour. */
export interface Schedule {
  decode: readonly number[];
  prefill: number;
  /** When hour 0 begins, Unix ms; before it the fleet of hour 0 is held. */
  beginMs: number;
}

/** Looks that an order takes to be carried out, beside the cold start. */
const LOOKS_AHEAD = 3;

/** Follows a schedule that knows what comes: workers that an hour needs are ordered a cold start before it begins. */
export class ScheduleScaler extends TargetScaler {
  readonly #aheadMs: number;

  constructor(
    input: ScalerInput,
    private readonly schedule: Schedule,
  ) {
    super(input);
    const { pool, policy, profile } = input;
    const { coldStartSeconds } = capacityFacts(pool, policy.tp, profile, null);
    this.#aheadMs = 1000 * (coldStartSeconds + LOOKS_AHEAD * policy.fastIntervalSeconds);
  }

  protected want(_observation: PoolObservation, nowMs: number): Want {
    const decode = Math.max(this.#at(nowMs), this.#at(nowMs + this.#aheadMs));
    return { replicas: { prefill: this.schedule.prefill, decode }, reason: 'the schedule' };
  }

  #at(ms: number): number {
    const { decode, beginMs } = this.schedule;
    const hour = Math.floor((ms - beginMs) / 3_600_000);
    return decode[Math.min(decode.length - 1, Math.max(0, hour))] ?? 0;
  }
}
