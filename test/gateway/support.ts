import { tmpdir } from 'node:os';
import { type Logger, pino } from 'pino';
import type { Config } from '../../src/config/types.js';
import { Gateway } from '../../src/gateway/gateway.js';
import { testConfig } from '../support/pool.js';

export const silent = pino({ level: 'silent' });

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

/** The data of server-sent events, as they come. */
export async function* events(response: Response): AsyncGenerator<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
      const event = text.slice(0, at);
      text = text.slice(at + 2);
      if (event.startsWith('data: ')) yield event.slice(6);
    }
  }
}
