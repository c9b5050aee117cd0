import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { streamTrace } from '../../src/simulator/traces/read.js';
import { burstCurve } from '../../src/simulator/workload/burst.js';
import { countArrivals, drawCounts } from '../../src/simulator/workload/counts.js';
import { parseRateSeries } from '../../src/simulator/workload/rate-series.js';
import type { RatePoint } from '../../src/simulator/workload/shape.js';
import { weekCurve } from '../../src/simulator/workload/week.js';

export const BIN_SECONDS = 30;

const traces = (name: string) => fileURLToPath(new URL(`../../../../shared/traces/${name}`, import.meta.url));
const CODE_WEEK = traces('azure2024_code_week_rpm_digitised.csv');
const CONV_HOUR = traces('AzureLLMInferenceTrace_conv.csv');
const DAY = 86_400;
/** Mean rate of the bursty code trace of 2023, requests/s; its index of dispersion and busiest minute. */
const CODE_2023 = { rps: 2.57, dispersion: 13.2, peakMinuteToMean: 4.1 };

/** The series that the predictors are judged on, by name; those of a trace that is not there are drawn or left out. */
export function benchSeries(seed: number): Record<string, () => number[]> {
  const drawn = (rate: readonly RatePoint[], dispersion = 1) =>
    drawCounts(rate, { binSeconds: BIN_SECONDS, seed, dispersion });
  const flat = [
    { atSeconds: 0, rps: CODE_2023.rps },
    { atSeconds: DAY, rps: CODE_2023.rps },
  ];
  const series: Record<string, () => number[]> = {
    'code week': () => drawn(codeWeek(seed)),
    'code week, 1/15': () =>
      drawn(codeWeek(seed).map(({ atSeconds, rps }) => ({ atSeconds, rps: rps / 15 }))),
    'chat week': () =>
      drawn(weekCurve({ peakRps: 33, peakToMean: 1.76, peakToTrough: 3.9, weekend: 0.8 }, seed)),
    'dispersion 13': () => drawn(flat, 13),
    'bursty code': () => {
      const { rps: atRps, dispersion, peakMinuteToMean } = CODE_2023;
      const burst = { peakMinuteToMean, dispersion, atRps, memorySeconds: 60, flickerSeconds: 1 };
      return drawn(burstCurve(flat, burst, seed));
    },
    'flash crowds': () => drawn(flashCrowds()),
  };
  if (existsSync(CONV_HOUR))
    series['conv hour'] = () => countArrivals(streamTrace(CONV_HOUR, 'azure').rows, BIN_SECONDS);
  return series;
}

function codeWeek(seed: number): RatePoint[] {
  if (existsSync(CODE_WEEK)) return parseRateSeries(readFileSync(CODE_WEEK, 'utf8'), CODE_WEEK);
  return weekCurve({ peakRps: 88, peakToMean: 3.17, peakToTrough: 38, weekend: 0.22 }, seed);
}

/** A day at about 5 requests/s with a step to two, three or five times that for 15 to 40 minutes, each 80 minutes. */
function flashCrowds(): RatePoint[] {
  const points: RatePoint[] = [];
  const base = (at: number) => 5 + 0.5 * Math.sin(at / 3000);
  const crowd = (at: number) => {
    const k = Math.floor(at / 4800);
    const since = at - k * 4800 - 2400;
    return k > 0 && since >= 0 && since < 900 + 100 * k ? ([5, 3, 2][k % 3] ?? 1) : 1;
  };
  for (let at = 0; at < DAY; at += 10)
    points.push(
      { atSeconds: at, rps: base(at) * crowd(at) },
      { atSeconds: at + 10, rps: base(at + 10) * crowd(at) },
    );
  return points;
}
