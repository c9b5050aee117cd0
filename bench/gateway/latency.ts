import { spread } from '../support/stats.js';
import type { Generator } from './generator.js';
import { Hops } from './hops.js';
import type { HopsRow, LatencyRow } from './report.js';
import type { Setup, Side } from './sides.js';
import type { GatewayBenchOptions, Percentiles, Seen } from './types.js';

/** A server runs for weeks: its compiler is done by then. */
export const WARM_SECONDS = 15;
/** Jobs a second that warm bare BullMQ. */
const WARM_JOBS = 100;
/** A request of the latency and the request-rate loads. */
export const SHORT_TOKENS = 16;

/** Every rate on every side in turn, and over two hops of bare BullMQ, with the same arrivals. @param seed of the first round */
export async function latencies(
  setup: Setup,
  generator: Generator,
  { rates, rounds, seconds, note }: GatewayBenchOptions,
  seed: number,
): Promise<{ latency: LatencyRow[]; hops: HopsRow[] }> {
  const { sides } = setup;
  const hops: HopsRow[] = [];
  const latency: LatencyRow[] = [];
  const bare = await Hops.start(setup.redisUrl);
  try {
    note('warming bare BullMQ');
    await bare.load(WARM_JOBS, WARM_SECONDS, seed);
    let at = seed;
    for (const rate of rates) {
      const seen = new Map<string, Seen[]>(sides.map(({ name }) => [name, []]));
      const trips: Percentiles[] = [];
      for (let round = 0; round < rounds; round++, at++) {
        for (const side of inTurn(sides, round)) {
          note(`round ${round + 1} of ${rounds}: ${rate} requests/s, ${side.name}`);
          seen.get(side.name)?.push(await onSide(generator, side, 'open', rate, seconds, SHORT_TOKENS, at));
        }
        note(`round ${round + 1} of ${rounds}: ${rate} jobs/s, bare BullMQ`);
        trips.push(await bare.load(rate, seconds, at));
      }
      for (const side of sides)
        latency.push(latencyRow(rate, side.name, seen.get(side.name) ?? [], seen.get('direct') ?? []));
      hops.push({ rate, roundTrip: middle(trips) });
    }
  } finally {
    await bare.close();
  }
  return { latency, hops };
}

export function onSide(
  generator: Generator,
  { url, headers }: Side,
  kind: 'open' | 'closed',
  level: number,
  seconds: number,
  maxTokens: number,
  seed: number,
): Promise<Seen> {
  return generator.load({ url, headers, kind, level, seconds, maxTokens, seed });
}

export function inTurn(sides: readonly Side[], round: number): Side[] {
  const at = round % sides.length;
  return [...sides.slice(at), ...sides.slice(0, at)];
}

function latencyRow(rate: number, side: string, seen: readonly Seen[], direct: readonly Seen[]): LatencyRow {
  const failed = seen.reduce((sum, one) => sum + one.failed, 0);
  return {
    side,
    rate,
    ttft: middle(seen.map(({ ttft }) => ttft)),
    gap: middle(seen.map(({ gap }) => gap)),
    addedTtft: middle(seen.map(({ ttft }, k) => over(ttft, direct[k]?.ttft))),
    addedGap: middle(seen.map(({ gap }, k) => over(gap, direct[k]?.gap))),
    failed,
    failure: seen.find(({ failure }) => failure !== null)?.failure ?? null,
  };
}

/** The median round, percentile by percentile. */
function middle(all: readonly Percentiles[]): Percentiles {
  const of = (pick: (one: Percentiles) => number) => spread(all.map(pick)).median;
  return { p50: of(({ p50 }) => p50), p95: of(({ p95 }) => p95), p99: of(({ p99 }) => p99) };
}

function over(one: Percentiles, base: Percentiles | undefined): Percentiles {
  const { p50, p95, p99 } = base ?? { p50: Number.NaN, p95: Number.NaN, p99: Number.NaN };
  return { p50: one.p50 - p50, p95: one.p95 - p95, p99: one.p99 - p99 };
}
