import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/queues/connection.js';
import { startRedis } from '../../src/queues/provision/server.js';
import { printTable, type Row, spread } from '../support/stats.js';
import { addCost, memoryPerRequest, pump, roundTrips, throughput } from './measure.js';
import { promptOf } from './setup.js';
import { bareSide, type Side, sluiceSide } from './sides.js';
import { startWorker } from './start-worker.js';

export interface OverheadOptions {
  rounds: number;
  /** Jobs of one throughput round. */
  jobs: number;
  /** Length of the long queue. */
  backlog: number;
  note: (line: string) => void;
}

const PAYLOAD_BYTES = 2048;
const TRIPS = 1_000;
const QUEUED = 10_000;
const SHORT_QUEUE = 1_000;
const ADDS = 2_000;

/** What Sluice's path costs over bare BullMQ, both measured in turn on one Redis. */
export async function overhead(options: OverheadOptions): Promise<{ rows: Row[]; text: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const server = await startRedis({ dataDir, log: options.note });
  try {
    const rows = [
      ...(await servedRows(server.url, options)),
      await memoryRow(server.url, options),
      await backlogRow(server.url, options),
    ];
    return { rows, text: printTable(rows, 'bare BullMQ') };
  } finally {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function servedRows(url: string, { rounds, jobs, note }: OverheadOptions): Promise<Row[]> {
  const workers = [await startWorker('bare', url), await startWorker('sluice', url)];
  const bare = await bareSide(url);
  const sluice = await sluiceSide(url);
  const prompt = promptOf(PAYLOAD_BYTES);
  const rates: [number[], number[]] = [[], []];
  const p50s: [number[], number[]] = [[], []];
  const p99s: [number[], number[]] = [[], []];
  try {
    for (const side of [bare, sluice]) {
      await throughput(side, jobs, prompt); // warm: compiled code, loaded scripts
      await roundTrips(side, TRIPS / 4, prompt);
    }
    for (let round = 0; round < rounds; round++) {
      note(`round ${round + 1} of ${rounds}: throughput and round trip`);
      for (const [i, side] of inTurn(round, bare, sluice)) {
        rates[i].push(await throughput(side, jobs, prompt));
        const trips = await roundTrips(side, TRIPS, prompt);
        p50s[i].push(trips.p50);
        p99s[i].push(trips.p99);
      }
    }
  } finally {
    await Promise.all([bare.close(), sluice.close()]);
    for (const worker of workers) worker.kill('SIGKILL');
  }
  return [
    row('throughput', 'jobs/s', rates, 'ratio', 'at least 0.8', (median) => median >= 0.8),
    row('round trip p50', 'ms', p50s, 'added', 'at most 1 ms', (median) => median <= 1),
    row('round trip p99', 'ms', p99s, 'added', 'at most 5 ms', (median) => median <= 5),
  ];
}

async function memoryRow(url: string, { rounds, note }: OverheadOptions): Promise<Row> {
  const redis = connect(url, 'plain');
  const prompt = promptOf(PAYLOAD_BYTES);
  const bytes: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    note(`round ${round + 1} of ${rounds}: memory of a queued request`);
    await redis.flushall();
    const bare = await bareSide(url, 'unserved');
    const sluice = await sluiceSide(url, 'unserved');
    for (const [i, side] of inTurn(round, bare, sluice)) {
      bytes[i].push(await memoryPerRequest(redis, side, QUEUED, prompt));
    }
    await Promise.all([bare.close(), sluice.close()]);
  }
  await redis.flushall();
  redis.disconnect();
  return row('Redis memory, queued 2 KB', 'bytes', bytes, 'ratio', 'at most 1.3', (median) => median <= 1.3);
}

/** The reference here is Sluice itself on a short queue. */
async function backlogRow(url: string, { rounds, backlog, note }: OverheadOptions): Promise<Row> {
  const redis = connect(url, 'plain');
  const prompt = promptOf(128);
  const short = await sluiceSide(url, 'short');
  const long = await sluiceSide(url, 'long');
  const costs: [number[], number[]] = [[], []];
  try {
    await pump(SHORT_QUEUE, 256, () => short.add(prompt));
    for (let filled = 0; filled < backlog; filled += 50_000) {
      note(`filling a queue: ${filled} of ${backlog}`);
      await pump(Math.min(50_000, backlog - filled), 512, () => long.add(prompt));
    }
    for (let round = 0; round < rounds; round++) {
      note(`round ${round + 1} of ${rounds}: adding to a queue of ${SHORT_QUEUE} and of ${backlog}`);
      for (const [i, side] of inTurn(round, short, long)) {
        costs[i].push(await addCost(redis, side, ADDS, prompt));
      }
    }
  } finally {
    await Promise.all([short.close(), long.close()]);
    await redis.flushall();
    redis.disconnect();
  }
  const what = `add to a queue of ${SHORT_QUEUE} (left) and ${backlog}`;
  return row(what, 'us of Redis', costs, 'ratio', 'at most 1.2', (median) => median <= 1.2);
}

function inTurn(round: number, reference: Side, sluice: Side): [0 | 1, Side][] {
  const pair: [0 | 1, Side][] = [
    [0, reference],
    [1, sluice],
  ];
  return round % 2 === 0 ? pair : pair.reverse();
}

function row(
  what: string,
  unit: string,
  [reference, sluice]: [number[], number[]],
  comparedAs: Row['comparedAs'],
  reach: string,
  reached: (median: number) => boolean,
): Row {
  const compared = spread(
    sluice.map((value, i) => {
      const base = reference[i] ?? Number.NaN;
      return comparedAs === 'ratio' ? value / base : value - base;
    }),
  );
  return {
    what,
    unit,
    reference: spread(reference),
    sluice: spread(sluice),
    compared,
    comparedAs,
    reach,
    reached: reached(compared.median),
  };
}
