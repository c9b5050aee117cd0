import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import type { GatewayConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';

const USUAL_PORT = 8080;

/**
 * Listens where the configuration says. `auto` tries the port that this installation had last, then 8080, then any.
 * @param dataDir where the port is remembered, so that a gateway that is started again has its address again
 * @returns the URL to reach it by. Errors: `port_in_use`, `invalid_config` for an address that is not this machine's.
 */
export async function listen(app: FastifyInstance, gateway: GatewayConfig, dataDir: string): Promise<string> {
  const memory = join(dataDir, 'gateway.port');
  const wanted = gateway.port === 'auto' ? [lastPort(memory), USUAL_PORT, 0] : [gateway.port];
  for (const port of wanted) {
    if (port === undefined) continue;
    const isLast = port === wanted.at(-1);
    try {
      await app.listen({ host: gateway.host, port });
      break;
    } catch (error) {
      const known = listenError(error, gateway.host, port);
      if (isLast || known.code !== 'port_in_use') throw known;
    }
  }
  const address = app.server.address();
  if (address === null || typeof address === 'string')
    throw new SluiceError('internal', 'the gateway listens nowhere');
  if (gateway.port === 'auto') remember(memory, address.port);
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${gateway.tls.cert === null ? 'http' : 'https'}://${host}:${address.port}`;
}

function lastPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

function remember(file: string, port: number): void {
  try {
    writeFileSync(file, `${port}\n`);
  } catch {
    // No data folder: the next start looks for a port anew.
  }
}

function listenError(error: unknown, host: string, port: number): SluiceError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new SluiceError(
      'port_in_use',
      `gateway.port: ${host}:${port} is taken; stop what listens there, or set gateway.port (0: a free one)`,
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  return new SluiceError('invalid_config', `gateway.host: cannot listen on ${host}:${port}: ${why}`, {
    cause: error,
  });
}
