import { z } from 'zod';
import { defaultConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/types.js';
import type { TimedRequest } from '../../src/simulator/workload/arrivals.js';
import { mergeRequests } from '../../src/simulator/workload/merge.js';
import { seriesRequests } from '../../src/simulator/workload/rate-series.js';
import { TokenTable } from '../../src/simulator/workload/token-cdf.js';

/** What one side sends when it is done. */
export const sideSchema = z.object({
  requests: z.number(),
  events: z.number(),
  seconds: z.number(),
  peakMegabytes: z.number(),
});

export interface SimulatorRow {
  size: string;
  requests: number;
  bareRequestsPerSecond: number;
  requestsPerSecond: number;
  ratio: number;
  bestRequestsPerSecond: number;
  eventsPerRequest: number;
  peakMegabytes: number;
  judged: boolean;
  reached: boolean;
}

const DAY = 86_400;

/** Of the diurnal week: 44 million requests in seven days. `requests` is about how many. */
export const SIZES = [
  { name: 'hour', requests: 262_000, seconds: 3600, judged: false },
  { name: 'day', requests: 6_290_000, seconds: DAY, judged: false },
  { name: 'week', requests: 44_000_000, seconds: 7 * DAY, judged: true },
] as const;

/**
 * The diurnal week at full scale, drawn from published statistics (Azure LLM inference 2024: 16.8 million code requests,
 * peak 3.17 x mean, trough to peak 38 x, flat weekend; 27.3 million chat requests, peak 1.76 x mean, 3.9 x).
 * Shorter sizes begin with Monday's noon, at about the mean rate.
 */
export function weekRequests(seconds: number, seed: number): IterableIterator<TimedRequest> {
  const curve = (mean: number, low: number, high: number, weekend: number) =>
    Array.from({ length: 7 * 24 + 1 }, (_, hour) => {
      const day = Math.floor(hour / 24) % 7;
      const swing = (1 - Math.cos((2 * Math.PI * (hour % 24)) / 24)) / 2;
      const share = day >= 5 ? weekend : low + (high - low) * swing ** 2;
      return { atSeconds: hour * 3600, rps: mean * share };
    });
  // swing^2 is 3/8 on average, so five days and a weekend of these shares have a mean of 1.
  const code = curve(27.78, 0.083, 3.17, 0.45);
  const chat = curve(45.1, 0.45, 1.76, 1.14);
  const lengths = (median: number, p95: number, most: number) => {
    const sigma = Math.log(p95 / median) / 1.6449;
    const quantile = (share: number) => Math.min(most, Math.max(1, median * Math.exp(sigma * probit(share))));
    return new TokenTable(
      Array.from({ length: 1000 }, (_, k) => [(k + 1) / 1000, quantile((k + 0.5) / 1000)]),
    );
  };
  const loads = [
    seriesRequests({
      level: 'medium',
      rate: code,
      tokens: { isl: lengths(1469, 7315, 8000), osl: lengths(13, 90, 1000) },
      seed,
    }),
    seriesRequests({
      level: 'low',
      rate: chat,
      tokens: { isl: lengths(1020, 4083, 8000), osl: lengths(129, 451, 1000) },
      seed: seed + 1,
    }),
  ];
  const fromSeconds = seconds < DAY ? 6 * 3600 : 0;
  return mergeRequests(loads, { fromSeconds, untilSeconds: fromSeconds + seconds });
}

/** Standard normal quantile. Acklam's approximation is not needed here: Tocher's logistic one is within 0.02. */
function probit(share: number): number {
  return Math.log(share / (1 - share)) / 1.702;
}

/** Two pools on 64 GPUs, with real cold starts and planners that look every five seconds. */
export function weekConfig(): Config {
  const config = defaultConfig();
  const island = [0, 1, 2, 3, 4, 5, 6, 7];
  const hosts = Array.from({ length: 8 }, (_, k) => ({ name: `host${k}`, islands: [island] }));
  const pool = (name: 'medium' | 'low') => {
    const preset = config.pools[name];
    if (preset?.engine.kind !== 'sim') throw new Error('the presets changed');
    return {
      ...preset,
      gpuBudget: { guaranteed: 32, ceiling: 32 },
      maxWorkers: 32,
      minWorkers: 1,
      costOptimization: true,
      engine: { ...preset.engine, coldStartSeconds: 120 },
    };
  };
  return {
    ...config,
    defaultLevel: 'medium',
    inventory: { hosts },
    pools: { medium: pool('medium'), low: pool('low') },
    planner: {
      ...config.planner,
      fastIntervalSeconds: 5,
      adjustmentIntervalSeconds: 30,
      telemetryStaleSeconds: 30,
      windowSeconds: 300,
    },
  };
}

export function printSizes(
  rows: readonly SimulatorRow[],
  reach: { requestsPerSecond: number; peakMegabytes: number },
): string {
  const header = [
    '',
    'requests',
    'bare loop/s',
    'simulated/s',
    'ratio',
    'best/s',
    'events/request',
    'peak MB',
    '',
  ];
  const lines = rows.map((row) => [
    row.size,
    String(row.requests),
    row.bareRequestsPerSecond.toFixed(0),
    row.requestsPerSecond.toFixed(0),
    row.ratio.toFixed(3),
    row.bestRequestsPerSecond.toFixed(0),
    row.eventsPerRequest.toFixed(2),
    row.peakMegabytes.toFixed(0),
    row.judged ? (row.reached ? 'reached' : 'MISSED') : '',
  ]);
  const widths = header.map((_, i) => Math.max(...[header, ...lines].map((line) => line[i]?.length ?? 0)));
  const format = (line: string[]) =>
    line
      .map((cell, i) => cell.padStart(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return [
    format(header),
    ...lines.map(format),
    '',
    `Medians of the rounds. To reach at the week: ${reach.requestsPerSecond} requests/s, ${reach.peakMegabytes} MB.`,
    'Bare loop: draws the same requests and passes each through the event heap, nothing else.',
  ].join('\n');
}
