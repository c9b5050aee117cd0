import { type Reach, reach, reachCells } from '../support/reach.js';
import type { Percentiles } from './types.js';

/** Times in ms; `added` is the side's percentile less the direct one's of the same round, median of the rounds. */
export interface LatencyRow {
  side: string;
  /** Requests a second. */
  rate: number;
  ttft: Percentiles;
  gap: Percentiles;
  addedTtft: Percentiles;
  addedGap: Percentiles;
  failed: number;
  failure: string | null;
}

/** A job over a bare BullMQ queue and its end back, ms; median of the rounds. */
export interface HopsRow {
  /** Jobs a second. */
  rate: number;
  roundTrip: Percentiles;
}

/** At saturation of the whole machine, load generator and engine included; median of the rounds. */
export interface ThroughputRow {
  side: string;
  requestsPerSecond: number;
  tokensPerSecond: number;
  eventsPerSecond: number;
  /** CPU ms that each process of the side used for one request. */
  cpuMsPerRequest: Record<string, number>;
  /** Tokens that one core of the gateway process carries; less moved by what else runs on the machine than a rate. */
  tokensPerGatewayCpuSecond: number | null;
  failed: number;
  failure: string | null;
}

export interface MemoryRow {
  side: string;
  /** Streams open, begun and not ended. */
  open: number;
  failure: string | null;
  beforeBytes: number | null;
  residentBytes: number | null;
  perStreamBytes: number | null;
}

interface Measured {
  cpus: number;
  /** Load average of a minute when it ended. */
  load: number;
  node: string;
  hops: HopsRow[];
  latency: LatencyRow[];
  requests: ThroughputRow[];
  tokens: ThroughputRow[];
  memory: MemoryRow[];
}

export interface GatewayReport extends Measured {
  reach: Reach[];
}

const RATE = 200;
const STREAMS = 2_000;

/** What is asked of the figures. */
export function reachOf({ latency, tokens, memory }: Measured): Reach[] {
  const added = latency.find(({ side, rate }) => side === 'sluice' && rate === RATE)?.addedTtft;
  const rate = (name: string) => tokens.find(({ side }) => side === name)?.tokensPerSecond;
  const [ours, theirs] = [rate('sluice'), rate('portkey')];
  const core = (name: string) =>
    tokens.find(({ side }) => side === name)?.tokensPerGatewayCpuSecond ?? undefined;
  const [ourCore, theirCore] = [core('sluice'), core('portkey')];
  const held = memory.find(({ side, open }) => side === 'sluice' && open >= STREAMS)?.residentBytes;
  return [
    reach(`added TTFT p50 at ${RATE}/s (ms)`, added?.p50, 'at most 3', (got) => got <= 3),
    reach(`added TTFT p99 at ${RATE}/s (ms)`, added?.p99, 'at most 10', (got) => got <= 10),
    reach('streamed tokens/s', ours, 'at least 45000', (got) => got >= 45_000),
    reach('streamed tokens/s over portkey', ratio(ours, theirs), 'at least 1.2', (got) => got >= 1.2),
    reach('tokens a CPU second of the gateway', ourCore, 'at least 45000', (got) => got >= 45_000),
    reach('the same over portkey', ratio(ourCore, theirCore), 'at least 1.2', (got) => got >= 1.2),
    reach(
      `memory with ${STREAMS} open streams (MB)`,
      held == null ? null : held / 1e6,
      'under 300',
      (got) => got < 300,
    ),
  ];
}

function ratio(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a / b;
}

/** The report as tables. */
export function gatewayText(report: GatewayReport): string {
  const { cpus, load, node, hops, latency, requests, tokens, memory } = report;
  const three = ({ p50, p95, p99 }: Percentiles) =>
    [p50, p95, p99].map((value) => value.toFixed(1)).join(' / ');
  const cpu = ({ cpuMsPerRequest }: ThroughputRow) =>
    Object.entries(cpuMsPerRequest)
      .map(([name, ms]) => `${name} ${ms.toFixed(2)}`)
      .join(', ');
  const mb = (bytes: number | null) => (bytes === null ? '-' : (bytes / 1e6).toFixed(1));
  return [
    `${cpus} cores, load ${load.toFixed(1)}, Node ${node}`,
    '',
    'Latency, ms, p50 / p95 / p99',
    table(
      ['requests/s', 'side', 'TTFT', 'added', 'gap', 'added', 'failed'],
      latency.map((row) => [
        String(row.rate),
        row.side,
        three(row.ttft),
        row.side === 'direct' ? '' : three(row.addedTtft),
        three(row.gap),
        row.side === 'direct' ? '' : three(row.addedGap),
        failures(row),
      ]),
    ),
    '',
    'A job over bare BullMQ and its end back, on this machine, ms, p50 / p95 / p99; what Sluice adds to TTFT over it',
    table(
      ['requests/s', 'two hops', 'added over it, p50', 'p99'],
      hops.map(({ rate, roundTrip }) => {
        const added = latency.find((row) => row.side === 'sluice' && row.rate === rate)?.addedTtft;
        const times = (a: number | undefined, b: number) =>
          a === undefined ? '-' : `${(a / b).toFixed(2)} x`;
        return [
          String(rate),
          three(roundTrip),
          times(added?.p50, roundTrip.p50),
          times(added?.p99, roundTrip.p99),
        ];
      }),
    ),
    '',
    'At saturation of the machine; CPU ms a request',
    table(
      ['load', 'side', 'requests/s', 'tokens/s', 'events/s', 'CPU', 'failed'],
      [...requests.map((row) => ['short', row] as const), ...tokens.map((row) => ['long', row] as const)].map(
        ([load, row]) => [
          load,
          row.side,
          row.requestsPerSecond.toFixed(0),
          row.tokensPerSecond.toFixed(0),
          row.eventsPerSecond.toFixed(0),
          cpu(row),
          failures(row),
        ],
      ),
    ),
    '',
    'Memory of the gateway, MB',
    table(
      ['side', 'streams', 'before', 'with them', 'KB a stream'],
      memory.map((row) => [
        row.side,
        `${row.open}${row.failure === null ? '' : ` (${row.failure})`}`,
        mb(row.beforeBytes),
        mb(row.residentBytes),
        row.perStreamBytes === null ? '-' : (row.perStreamBytes / 1e3).toFixed(1),
      ]),
    ),
    '',
    table(['', 'got', 'reach', ''], report.reach.map(reachCells)),
  ].join('\n');
}

function failures({ failed, failure }: { failed: number; failure: string | null }): string {
  return failed === 0 ? '0' : `${failed} (${failure?.slice(0, 60)})`;
}

function table(header: string[], rows: string[][]): string {
  const widths = header.map((_, i) => Math.max(...[header, ...rows].map((line) => line[i]?.length ?? 0)));
  return [header, ...rows]
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
