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

/** One server-sent event: its data, and its id where it has one. */
export interface Event {
  id: string | undefined;
  data: string;
}

/** Server-sent events as they come; comments are left out. */
export async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk, { stream: true });
    for (let at = text.indexOf('\n\n'); at >= 0; at = text.indexOf('\n\n')) {
      const lines = text.slice(0, at).split('\n');
      text = text.slice(at + 2);
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field('data');
      if (data !== undefined) yield { id: field('id'), data };
    }
  }
}
