import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningRedis, startRedis } from '../../src/queues/provision/server.js';

/** A Redis of a test's own; REDIS_URL is not looked at. */
export interface TestRedis {
  url: string;
  port: number;
  pid: number;
  dataDir: string;
  /** Ends the server and removes its data. */
  stop(): Promise<void>;
  /** Starts a server again on the same data and port, after the last one was killed. */
  restart(): Promise<void>;
}

export async function startTestRedis(): Promise<TestRedis> {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  let server: RunningRedis = await startRedis({ dataDir });
  return {
    url: server.url,
    port: server.port,
    get pid() {
      return server.pid;
    },
    dataDir,
    async restart() {
      await server.stop();
      server = await startRedis({ dataDir, port: server.port });
    },
    async stop() {
      await server.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
