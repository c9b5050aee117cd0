import { cpus, loadavg } from 'node:os';
import { readEnvironment } from '../../src/config/environment.js';
import { SluiceError } from '../../src/contract/errors.js';
import { spread } from '../support/stats.js';
import { Generator } from './generator.js';
import { inTurn, latencies, onSide, SHORT_TOKENS, WARM_SECONDS } from './latency.js';
import { portkeyProgram } from './portkey.js';
import { cpuSeconds, residentBytes } from './process.js';
import { type GatewayReport, type MemoryRow, reachOf, type ThroughputRow } from './report.js';
import { engineSpeed, type Setup, type Side, setUp } from './sides.js';
import type { GatewayBenchOptions, Seen } from './types.js';

/** A request of the token-rate load. */
const LONG_TOKENS = 128;
/** At once. */
const LANES = 64;
const STREAMS_AT_ONCE = 128;
/** The engine's speed when the way to it is to be the bottleneck, and when streams are to stay open: times as long. */
const FAST = 0.02;
const HELD = 100;
/** So short that the engine's KV cache holds all of them. */
const HELD_TOKENS = 200;

/** Direct to the engine, through Sluice and through Portkey, in turn in one run. Errors: those of setting it up. */
export async function gatewayBench(options: GatewayBenchOptions): Promise<GatewayReport> {
  const { note } = options;
  const program = options.portkey ? portkeyOrNull(note) : null;
  // It ends with this process; what `setUp` starts does not, so that nothing may fail between it and `try`.
  const generator = await Generator.start();
  const setup = await setUp(program, options.profiles, note);
  try {
    return await measure(setup, generator, options);
  } finally {
    generator.close();
    await setup.close();
  }
}

/** Without the registry the rest is measured all the same. */
function portkeyOrNull(note: (line: string) => void): string | null {
  try {
    return portkeyProgram(readEnvironment().cacheDir, note);
  } catch (error) {
    note(`without portkey: ${SluiceError.from(error).message}`);
    return null;
  }
}

async function measure(
  setup: Setup,
  generator: Generator,
  options: GatewayBenchOptions,
): Promise<GatewayReport> {
  const { rounds, seconds, rates, streams, note } = options;
  const { sides } = setup;
  for (const side of sides) {
    note(`warming ${side.name}`);
    await onSide(generator, side, 'closed', 16, WARM_SECONDS, SHORT_TOKENS, 1);
  }
  const { latency, hops } = await latencies(setup, generator, options, 1);
  const seed = 1 + rates.length * rounds;
  await engineSpeed(setup, FAST);
  const requests = await throughput('requests', LANES, SHORT_TOKENS);
  const tokens = await throughput('tokens', STREAMS_AT_ONCE, LONG_TOKENS);
  await engineSpeed(setup, HELD);
  const memory: MemoryRow[] = [];
  for (const side of streams === 0 ? [] : sides) {
    if (side.pid === null) continue;
    note(`${streams} open streams, ${side.name}`);
    memory.push(await held(generator, side, streams));
  }
  await engineSpeed(setup, 1);
  const report = {
    cpus: cpus().length,
    load: loadavg()[0] ?? Number.NaN,
    node: process.version,
    hops,
    latency,
    requests,
    tokens,
    memory,
  };
  return { ...report, reach: reachOf(report) };

  async function throughput(what: string, level: number, maxTokens: number): Promise<ThroughputRow[]> {
    const rows = new Map<string, { seen: Seen; cpu: Record<string, number> }[]>(
      sides.map(({ name }) => [name, []]),
    );
    for (let round = 0; round < rounds; round++) {
      for (const side of inTurn(sides, round)) {
        note(`round ${round + 1} of ${rounds}: most ${what} a second, ${side.name}`);
        const before = cpuOf(side);
        const seen = await onSide(generator, side, 'closed', level, seconds, maxTokens, seed);
        rows.get(side.name)?.push({ seen, cpu: minus(cpuOf(side), before) });
      }
    }
    return sides.map(({ name }) => throughputRow(name, rows.get(name) ?? [], maxTokens));
  }
}

async function held(generator: Generator, side: Side, streams: number): Promise<MemoryRow> {
  const pid = side.pid ?? 0;
  const before = residentBytes(pid);
  const load = {
    url: side.url,
    headers: side.headers,
    kind: 'closed' as const,
    level: streams,
    seconds: 60,
    maxTokens: HELD_TOKENS,
    seed: 1,
  };
  const { open, failure } = await generator.hold(load);
  // The largest of a while: garbage comes and goes.
  let most = residentBytes(pid);
  for (let k = 0; k < 30; k++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    most = most === null ? null : Math.max(most, residentBytes(pid) ?? 0);
  }
  await generator.release();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const perStream = most === null || before === null || open === 0 ? null : (most - before) / open;
  return {
    side: side.name,
    open,
    failure,
    beforeBytes: before,
    residentBytes: most,
    perStreamBytes: perStream,
  };
}

function throughputRow(
  side: string,
  rounds: readonly { seen: Seen; cpu: Record<string, number> }[],
  maxTokens: number,
): ThroughputRow {
  const cpuMs: Record<string, number> = {};
  for (const name of Object.keys(rounds[0]?.cpu ?? {})) {
    cpuMs[name] = spread(
      rounds.map(({ seen, cpu }) => ((cpu[name] ?? 0) * 1000) / Math.max(1, seen.completed)),
    ).median;
  }
  const { gateway } = cpuMs;
  return {
    side,
    requestsPerSecond: spread(rounds.map(({ seen }) => seen.requestsPerSecond)).median,
    tokensPerSecond: spread(rounds.map(({ seen }) => seen.tokensPerSecond)).median,
    eventsPerSecond: spread(rounds.map(({ seen }) => seen.eventsPerSecond)).median,
    cpuMsPerRequest: cpuMs,
    tokensPerGatewayCpuSecond: gateway === undefined || gateway === 0 ? null : (maxTokens * 1000) / gateway,
    failed: rounds.reduce((sum, { seen }) => sum + seen.failed, 0),
    failure: rounds.find(({ seen }) => seen.failure !== null)?.seen.failure ?? null,
  };
}

/** CPU seconds of a side's processes so far, its gateway and its others. */
function cpuOf({ pid, others }: Side): Record<string, number> {
  const all = pid === null ? others : { gateway: pid, ...others };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, one]) => {
      const used = cpuSeconds(one);
      return used === null ? [] : [[name, used]];
    }),
  );
}

function minus(after: Record<string, number>, before: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]),
  );
}
