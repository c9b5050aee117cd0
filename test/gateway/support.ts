import { tmpdir } from 'node:os';
import { type Logger, pino } from 'pino';
import type { Config } from '../../src/config/types.js';
import { Gateway } from '../../src/gateway/gateway.js';
import { testConfig } from '../support/pool.js';

const silent = pino({ level: 'silent' });

/** The presets, a gateway on a free port, whatever else a test changes. */
export function gatewayConfig(change: (config: Config) => void = () => {}): Config {
  return testConfig((config) => {
    config.gateway.port = 0;
    change(config);
  });
}

export function openGateway(
  redisUrl: string,
  config = gatewayConfig(),
  log: Logger = silent,
): Promise<Gateway> {
  return Gateway.open({ config, redisUrl, dataDir: tmpdir(), log });
}

export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}
