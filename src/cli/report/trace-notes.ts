import type { TraceFacts } from '../../simulator/traces/read.js';

/** Gaps of a trace that are told one by one; `--json` has all. */
const TOLD = 3;

/** Tells what was left out of traces, and where they have gaps or were shortened. */
export function noteTraces(traces: readonly TraceFacts[], note: (line: string) => void): void {
  for (const { file, skipped, firstBad, gaps, shortenedSeconds } of traces) {
    if (skipped > 0) note(`left out ${skipped} broken rows, the first: ${firstBad}`);
    if (shortenedSeconds > 0) note(`${file}: took ${duration(shortenedSeconds)} out of gaps (--max-gap)`);
    for (const { line, fromSeconds, seconds } of gaps.slice(0, TOLD))
      note(
        `${file}:${line}: nothing comes for ${duration(seconds)} before this row, from ${Math.round(fromSeconds)} s on; ` +
          'correct it if its time is wrong, or shorten gaps with --max-gap SECONDS (max_gap_seconds in a scenario)',
      );
    if (gaps.length > TOLD) note(`${file}: ${gaps.length} such gaps in all`);
  }
}

function duration(seconds: number): string {
  if (seconds >= 86_400) return `${(seconds / 86_400).toFixed(1)} days`;
  return seconds >= 3600 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds)} s`;
}
