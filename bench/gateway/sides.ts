import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROLE_FLAGS } from '../../src/config/environment.js';
import { SluiceError } from '../../src/contract/errors.js';
import { startRedis } from '../../src/queues/provision/server.js';
import { answering } from './process.js';

export type SideName = 'direct' | 'sluice' | 'portkey';

/** One way to the engine. */
export interface Side {
  name: SideName;
  url: string;
  headers: Record<string, string>;
  /** Process of the gateway; null: there is none. */
  pid: number | null;
  /** Further processes of its own on the way, by what they are. */
  others: Record<string, number>;
}

/** Everything that runs for the benchmark. */
export interface Setup {
  engineUrl: string;
  /** Of the Redis that Sluice uses. */
  redisUrl: string;
  sides: Side[];
  close(): Promise<void>;
}

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SEQUENCES = 4096;

/**
 * Starts the engine, Redis, Sluice's gateway and a worker of each pool, and Portkey where its program is given. Requests that
 * name no level go to the first pool.
 */
export async function setUp(
  portkey: string | null,
  profiles: string | null,
  note: (line: string) => void,
  pools: readonly [string, ...string[]] = ['high'],
): Promise<Setup> {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const children: ChildProcess[] = [];
  const redis = await startRedis({ dataDir, log: note });
  // A benchmark that is interrupted leaves nothing behind either.
  const interrupted = () => {
    for (const child of children) child.kill('SIGKILL');
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  const close = async () => {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    await Promise.all(children.map((child) => ended(child, profiles === null ? 'SIGKILL' : 'SIGTERM')));
    await redis.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  const run = (args: string[], env: Record<string, string> = {}) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    children.push(child);
    return child;
  };
  try {
    const [enginePort, gatewayPort, portkeyPort] = await freePorts();
    const engineUrl = `http://127.0.0.1:${enginePort}`;
    const batch = ['--max-num-seqs', String(SEQUENCES), '--max-num-batched-tokens', '16384'];
    run([join(ROOT, 'bin', 'sluice.js'), 'engine', '--sim', '--port', String(enginePort), ...batch]);
    await answering(`${engineUrl}/health`, 'sim engine');

    const config = join(dataDir, 'bench.yaml');
    writeFileSync(config, configText(pools, engineUrl, gatewayPort));
    const watched = profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
    const flags = [...ROLE_FLAGS, ...watched];
    const gateway = run(
      [...flags, join(ROOT, 'dist', 'workers', 'gateway.js'), '-c', config, '--data', dataDir],
      {
        REDIS_URL: redis.localUrl,
        SLUICE_LOG: 'error',
      },
    );
    const workers: Record<string, number> = {};
    for (const pool of pools) {
      const worker = fork(
        fileURLToPath(new URL('./worker.js', import.meta.url)),
        [config, pool, redis.localUrl],
        {
          execArgv: flags,
        },
      );
      children.push(worker);
      await once(worker);
      workers[pool === pools[0] ? 'worker' : `worker of ${pool}`] = pidOf(worker);
    }
    const url = `http://127.0.0.1:${gatewayPort}`;
    await answering(`${url}/health/ready`, 'gateway');
    const sides: Side[] = [
      { name: 'direct', url: engineUrl, headers: {}, pid: null, others: {} },
      {
        name: 'sluice',
        url,
        headers: {},
        pid: pidOf(gateway),
        others: { ...workers, redis: redis.pid },
      },
    ];
    if (portkey !== null) {
      const child = run([portkey, '--headless', `--port=${portkeyPort}`], { NODE_ENV: 'production' });
      await answering(`http://127.0.0.1:${portkeyPort}/`, 'portkey');
      const headers = {
        'x-portkey-provider': 'openai',
        'x-portkey-custom-host': `${engineUrl}/v1`,
        authorization: 'Bearer none',
      };
      sides.push({
        name: 'portkey',
        url: `http://127.0.0.1:${portkeyPort}`,
        headers,
        pid: pidOf(child),
        others: {},
      });
    }
    return { engineUrl, redisUrl: redis.localUrl, sides, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Makes the engine so many times as slow as its profile. */
export async function engineSpeed({ engineUrl }: Setup, slow: number): Promise<void> {
  const faults = { errorRate: 0, hangRate: 0, cutRate: 0, unhealthy: false, slow };
  const answer = await fetch(`${engineUrl}/sim/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(faults),
  });
  if (!answer.ok) throw new SluiceError('engine_failed', `sim engine: ${await answer.text()}`);
}

/** A process that writes a profile ends by itself; no other has anything to lose. */
function ended(child: ChildProcess, how: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill(how);
    setTimeout(() => child.kill('SIGKILL'), 5_000).unref();
  });
}

function configText(pools: readonly string[], engineUrl: string, gatewayPort: number): string {
  return `namespace: bench
default_level: ${pools[0]}
inventory: { hosts: [{ name: localhost, islands: [[${pools.map((_, at) => at).join(', ')}]] }] }
gateway: { port: ${gatewayPort} }
pools:
${pools.map((pool) => poolText(pool, engineUrl)).join('')}`;
}

function poolText(pool: string, engineUrl: string): string {
  return `  ${pool}:
    tensor_parallelism: 1
    gpu_budget: 1
    max_workers: 1
    overload: { policy: edf }
    admission: { policy: queue }
    engine:
      kind: openai
      urls: [${engineUrl}]
      profile: llama-3.1-8b-fp8-h100
      max_sequences: ${SEQUENCES}
      max_batched_tokens: 16384
`;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new SluiceError('internal', 'a process of the benchmark did not start');
  return pid;
}

function once(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new SluiceError('internal', `the bench worker ended with ${code}`)));
  });
}

async function freePorts(): Promise<[number, number, number]> {
  const one = () =>
    new Promise<number>((resolve, reject) => {
      const server = createServer().once('error', reject);
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });
  return [await one(), await one(), await one()];
}
