import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { SluiceError } from '../../src/contract/errors.js';
import { connect } from '../../src/queues/connection.js';
import { startRedis } from '../../src/queues/provision/server.js';
import { Pages } from './pages.js';
import { type Paint, pageWeight, paint } from './paint.js';
import type { PagesRead } from './types.js';

/** The whole system as the demo runs it, looked at by pages. */
export interface LiveFigures {
  read: PagesRead;
  /** Null: no Chromium on PATH. */
  paint: Paint | null;
  /** Of the page with all that it loads, compressed. */
  pageBytes: number;
  /** Streams of transitions and of decisions in Redis, all pools. */
  history: { transitions: Stored; decisions: Stored; samples: Stored };
}

export interface Stored {
  entries: number;
  bytes: number;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const READY_MS = 60_000;
/** For what comes before and after the load. */
const SLACK_SECONDS = 30;

/** Runs the demo for so long with so many pages open. Errors: `internal` when it does not come up. */
export async function liveFigures(
  seconds: number,
  pages: number,
  note: (line: string) => void,
): Promise<LiveFigures> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const server = await startRedis({ dataDir: join(dataDir, 'redis'), log: note });
  const readers = await Pages.start();
  const args = ['bin/sluice.js', 'demo', '--seconds', String(seconds + SLACK_SECONDS), '--data', dataDir];
  const demo = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, REDIS_URL: server.url },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  demo.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-1_000);
  });
  const redis = connect(server.url, 'plain');
  try {
    const url = await gatewayUrl(dataDir, demo, () => said);
    await readers.open(url, pages);
    note(`the demo for ${seconds} s, ${pages} pages`);
    const painted = await paint(url, note);
    const pageBytes = await pageWeight(url);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const read = await readers.closeAll();
    const history = {
      transitions: await stored(redis, '*:planner:transitions'),
      decisions: await stored(redis, '*:planner:decisions'),
      samples: await stored(redis, '*:dashboard}:history'),
    };
    return { read, paint: painted, pageBytes, history };
  } finally {
    readers.end();
    redis.disconnect();
    await ended(demo);
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function gatewayUrl(dataDir: string, demo: ChildProcess, said: () => string): Promise<string> {
  for (const giveUpAt = Date.now() + READY_MS; Date.now() < giveUpAt && demo.exitCode === null; ) {
    const found = /"url":"([^"]+)"[^\n]*gateway ready/.exec(logOf(dataDir))?.[1];
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new SluiceError('internal', `the demo's gateway did not come up: ${said()}`);
}

function logOf(dataDir: string): string {
  try {
    return readFileSync(join(dataDir, 'logs', 'gateway.log'), 'utf8');
  } catch {
    return '';
  }
}

/** What Redis keeps under all keys of a pattern. */
async function stored(redis: Redis, pattern: string): Promise<Stored> {
  const keys = await redis.keys(pattern);
  const sizes = await Promise.all(
    keys.map(async (key) => [await redis.xlen(key), Number(await redis.memory('USAGE', key, 'SAMPLES', 0))]),
  );
  const sum = (at: 0 | 1) => sizes.reduce((total, size) => total + (size[at] ?? 0), 0);
  return { entries: sum(0), bytes: sum(1) };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}
