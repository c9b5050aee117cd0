import type { LengthCount, RecordedMinute } from '../../contract/recorded.js';
import type { TimedRequest } from './arrivals.js';
import { type Random, seededRandom } from './random.js';

export interface RecordedLoad {
  level: string;
  /** In order of time, one after the other. */
  minutes: readonly RecordedMinute[];
  /** Output length where none is on record, tokens. */
  expectedOsl: number;
}

/**
 * The recorded requests of one pool again: as many in each second as came, each second's at times drawn evenly by seed. A
 * minute's prompts are those on record, dealt out by seed; outputs are drawn from those that completed in that minute,
 * or the last one before it with any (at the beginning: the first after). `rateScale` multiplies or thins each second's.
 */
export function* recordedRequests(
  { level, minutes, expectedOsl }: RecordedLoad,
  seed: number,
  rateScale = 1,
): Generator<TimedRequest> {
  const random = seededRandom(seed, `recorded:${level}`);
  const origin = minutes[0]?.startSecond ?? 0;
  const any = minutes.find(({ outputs }) => outputs.length > 0)?.outputs;
  let outputs: readonly LengthCount[] = any ?? [[expectedOsl, 1]];
  for (const minute of minutes) {
    if (minute.outputs.length > 0) outputs = minute.outputs;
    const prompts = dealt(minute.prompts, random);
    const drawOutput = drawer(outputs);
    let at = 0;
    for (const [second, count] of minute.arrivals) {
      const wanted = count * rateScale;
      const times = Math.floor(wanted) + (random() < wanted - Math.floor(wanted) ? 1 : 0);
      const moments = Array.from({ length: times }, () => random()).sort((a, b) => a - b);
      for (const moment of moments) {
        const isl = prompts.length === 0 ? 1 : (prompts[at++ % prompts.length] ?? 1);
        const atSeconds = minute.startSecond - origin + second + moment;
        yield { atSeconds, isl, osl: drawOutput(random), level };
      }
    }
  }
}

/** All lengths, each as often as it was, in an order by seed (Fisher and Yates). */
function dealt(counts: readonly LengthCount[], random: Random): number[] {
  const all = counts.flatMap(([tokens, count]) => Array.from({ length: count }, () => tokens));
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [all[last], all[other]] = [all[other] ?? 1, all[last] ?? 1];
  }
  return all;
}

function drawer(counts: readonly LengthCount[]): (random: Random) => number {
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return (random) => {
    let left = random() * total;
    for (const [tokens, count] of counts) {
      left -= count;
      if (left < 0) return tokens;
    }
    return counts.at(-1)?.[0] ?? 1;
  };
}
