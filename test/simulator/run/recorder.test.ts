import { describe, expect, test } from 'vitest';
import { placeOf } from '../../../src/simulator/run/count-sketch.js';
import { PoolRecorder } from '../../../src/simulator/run/recorder.js';
import type { JobEnd } from '../../../src/simulator/run/tally.js';
import { seededRandom } from '../../../src/simulator/workload/random.js';
import { lengthBucket, PROMPT_BUCKETS, promptClasses } from '../../../src/telemetry/prompt-lengths.js';
import { LATENCY_SLOT_SECONDS, slotStart } from '../../../src/telemetry/slots.js';

const WINDOW_SECONDS = 60;

describe('the recorder of a simulated pool', () => {
  test.each([1, 2, 3])(
    'shows at each look what its window holds, however the looks fall (seed %i)',
    (seed) => {
      const random = seededRandom(seed);
      const recorder = new PoolRecorder(0, WINDOW_SECONDS);
      const arrived: { slot: number; isl: number }[] = [];
      const ended: { slot: number; end: JobEnd }[] = [];
      let nowMs = 1000;
      let newest = 0;
      let looks = 0;
      const slotOf = (atMs: number) => {
        newest = Math.max(newest, slotStart(atMs, LATENCY_SLOT_SECONDS));
        return newest;
      };
      for (let k = 0; k < 4000; k++) {
        // Mostly milliseconds apart, now and then a silence longer than slot or window.
        nowMs += random() < 0.005 ? random() * 150_000 : random() * 200;
        const what = random();
        if (what < 0.4) {
          const isl = 1 + Math.floor(random() * 9000);
          recorder.arrival(nowMs, isl);
          arrived.push({ slot: slotOf(nowMs), isl });
        } else if (what < 0.8) {
          // Ends of one step may be told a little out of order.
          const end = drawnEnd(nowMs - random() * 50, random);
          recorder.ended(end);
          ended.push({ slot: slotOf(end.atMs), end });
        } else if (what < 0.9) {
          looks++;
          const from = slotStart(nowMs - WINDOW_SECONDS * 1000, LATENCY_SLOT_SECONDS);
          const seen = recorder.recorded(nowMs);
          const ends = ended.filter(({ slot }) => slot >= from).map(({ end }) => end);
          const completed = ends.filter(({ kind }) => kind === 'completed');
          expect(seen.ended.counters).toMatchObject({
            completed: completed.length,
            failed: ends.filter(({ kind }) => kind === 'failed').length,
            attained: ends.filter(({ attained }) => attained).length,
            osl: completed.reduce((sum, { osl }) => sum + osl, 0),
          });
          const ttfts = completed.map(({ ttftSeconds }) => ttftSeconds).sort((a, b) => a - b);
          const median = ttfts[Math.ceil(ttfts.length / 2) - 1];
          const shown = seen.ended.ttft.quantile(0.5);
          if (median === undefined) expect(shown).toBeNull();
          else expect(Math.abs((shown ?? Number.NaN) / median - 1)).toBeLessThan(0.011);
          const prompts = new Array<number>(PROMPT_BUCKETS).fill(0);
          for (const { slot, isl } of arrived)
            if (slot >= from) prompts[lengthBucket(isl)] = (prompts[lengthBucket(isl)] ?? 0) + 1;
          expect(seen.prompts).toEqual(promptClasses(prompts));
        }
      }
      expect(looks).toBeGreaterThan(300);
    },
  );
});

function drawnEnd(atMs: number, random: () => number): JobEnd {
  const ttftSeconds = 0.01 + random();
  const completed = random() < 0.9;
  return {
    kind: completed ? 'completed' : 'failed',
    attained: completed && ttftSeconds < 0.8,
    atMs,
    isl: 100,
    osl: 1 + Math.floor(random() * 50),
    ttftSeconds,
    ttftPlace: completed ? placeOf(ttftSeconds) : -1,
    itlSeconds: 0.02,
    itlPlace: completed ? placeOf(0.02) : -1,
  };
}
