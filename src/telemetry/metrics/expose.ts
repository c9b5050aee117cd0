import { createServer, type Server } from 'node:http';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import type { Registry } from 'prom-client';
import type { MetricsAddress } from '../../config/environment.js';
import type { Keys } from '../../queues/keys.js';
import { type ProcessName, processRegistry } from './process-metrics.js';
import { announceMetrics, reachable } from './targets.js';

export interface ExposedMetrics {
  /** A role adds its own metrics here. */
  registry: Registry;
  /** Where they are. */
  url: string;
  close(): Promise<void>;
}

/**
 * Serves the metrics of this process at `/metrics` and tells the gateways where. A port that is taken is no error:
 * several processes of one host share one setting, so the others take a free one.
 */
export async function exposeMetrics(
  redis: Redis,
  keys: Keys,
  name: ProcessName,
  address: MetricsAddress,
): Promise<ExposedMetrics> {
  const registry = processRegistry(redis, name, keys.probe());
  const server = metricsServer(registry);
  const port = await listen(server, address.host, address.port).catch(() => listen(server, address.host, 0));
  // A scraper keeps its connection; that must not keep the process.
  server.unref();
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const url = reachable(`http://${host}:${port}/metrics`);
  const withdraw = announceMetrics(redis, keys, `${name.role}-${hostname()}-${process.pid}`, {
    ...name,
    url,
  });
  return {
    registry,
    url,
    async close() {
      server.close();
      server.closeAllConnections();
      await withdraw();
    },
  };
}

function metricsServer(registry: Registry): Server {
  return createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('expected GET /metrics\n');
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${String(error)}\n`),
    );
  });
}

/** @returns the port. */
function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('listens nowhere'));
      else resolve(address.port);
    });
  });
}
