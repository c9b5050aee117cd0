/** What a steady batch did while all its sequences decoded. */
export interface SteadyBatch {
  /** Mean over the sequences of their mean gap, ms. */
  itlMs: number;
  /** Tokens that a sequence had made in the middle of the time, mean. */
  made: number;
}

/** Fewer gaps than these say nothing. */
const LEAST_GAPS = 4;

/**
 * The time of a batch in which every sequence decodes: from the last first token to the first last one, less all that
 * comes before or after. `times[i]`: when sequence i made each of its tokens, ms, rising. null: they hardly overlapped.
 */
export function steadyBatch(times: readonly (readonly number[])[]): SteadyBatch | null {
  const from = Math.max(...times.map((own) => own[0] ?? Number.POSITIVE_INFINITY));
  const to = Math.min(...times.map((own) => own.at(-1) ?? Number.NEGATIVE_INFINITY));
  let gaps = 0;
  let made = 0;
  for (const own of times) {
    const inside = own.filter((at) => at >= from && at <= to);
    const first = inside[0];
    const last = inside.at(-1);
    if (first === undefined || last === undefined || inside.length <= LEAST_GAPS) return null;
    gaps += (last - first) / (inside.length - 1);
    made += own.filter((at) => at < from).length + inside.length / 2;
  }
  return { itlMs: gaps / times.length, made: made / times.length };
}
