import { type ChildProcess, spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventsOf, post } from '../gateway/support.js';
import { until } from '../support/pool.js';
import { expectedTokens } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

const SLUICE = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));
const TOKENS = 400;

let system: TestSystem;
let other: ChildProcess;
let receiver: Server;
const hooks: { id: string; type: string }[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => {
      const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
      hooks.push({ type, id: data.id });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.concat('\ngateway:\n  port: 0\n  webhooks: { http: true, private_addresses: true }\n'),
  );
  // A second gateway beside the one of `sluice up`, as on another machine.
  const args = ['gateway', '-c', system.configFile, '--data', system.dataDir, '--owner', String(process.pid)];
  other = spawn(process.execPath, [SLUICE, ...args], {
    env: { ...process.env, REDIS_URL: system.redisUrl },
    stdio: 'ignore',
  });
  await until(async () => (await system.gateways()).length === 2, 'two gateways', 30_000);
});
afterAll(async () => {
  other.kill('SIGKILL');
  receiver.close();
  await system.close();
});

/** Text of the events of a stream as they come, and how far the last one went; an error where it was cut off. */
class Reader {
  text = '';
  last = '0';
  ended = false;
  readonly done: Promise<Error | undefined>;

  constructor(response: Response) {
    expect(response.status).toBe(200);
    this.done = this.#read(response).catch((error: Error) => error);
  }

  async #read(response: Response): Promise<undefined> {
    for await (const { data, id } of eventsOf(response)) {
      this.last = id ?? this.last;
      if (data === '[DONE]') {
        this.ended = true;
        return;
      }
      const chunk = JSON.parse(data) as { choices?: { text: string }[]; error?: object };
      if (chunk.error !== undefined) throw new Error(data);
      this.text += chunk.choices?.[0]?.text ?? '';
    }
  }

  async some(): Promise<void> {
    await until(() => this.text.length > 60, 'tokens');
    expect(this.ended).toBe(false);
  }
}

const asked = { prompt: 'why is the sky blue', max_tokens: TOKENS, slo_level: 'high' };
const wholeText = (id: string) => expectedTokens(id, TOKENS).join('');

it("kill -9 of the worker mid-stream: the HTTP client's stream goes on, no token lost or doubled", async () => {
  const [gateway] = await system.gateways();
  const [victim] = await system.ready('high', 1);
  const response = await post(`${gateway!.url}/v1/completions`, { ...asked, stream: true });
  const reader = new Reader(response);
  await reader.some();
  process.kill(victim!.pid, 'SIGKILL');
  expect(await reader.done).toBeUndefined();
  expect(reader.ended).toBe(true);
  expect(reader.text).toBe(wholeText(response.headers.get('x-request-id')!));
});

it('kill -9 of the gateway: the asynchronous request completes, and another gateway gives the rest and the webhook', async () => {
  await system.ready('high', 1);
  const own = (await system.gateways()).find(({ pid }) => pid !== other.pid)!;
  const rest = (await system.gateways()).find(({ pid }) => pid === other.pid)!;
  const { port } = receiver.address() as AddressInfo;
  const webhook = { url: `http://127.0.0.1:${port}/` };
  const { id } = (await (await post(`${own.url}/v1/requests`, { ...asked, webhook })).json()) as {
    id: string;
  };
  const before = new Reader(await fetch(`${own.url}/v1/requests/${id}/stream`));
  await before.some();
  process.kill(own.pid, 'SIGKILL');
  expect(await before.done).toBeInstanceOf(Error);
  expect(before.ended).toBe(false);

  const after = new Reader(await fetch(`${rest.url}/v1/requests/${id}/stream?from=${before.last}`));
  expect(await after.done).toBeUndefined();
  expect(before.text + after.text).toBe(wholeText(id));
  const view = await (await fetch(`${rest.url}/v1/requests/${id}`)).json();
  expect(view).toMatchObject({ status: 'completed', response: { choices: [{ text: wholeText(id) }] } });
  await until(() => hooks.length > 0, 'the webhook');
  expect(hooks).toEqual([{ id, type: 'request.completed' }]);
  // Its clients know it by its address, a free port or not.
  const isBack = async () =>
    (await system.gateways()).some(({ pid, url }) => pid !== own.pid && url === own.url);
  await until(isBack, 'the gateway at its address', 30_000);
});
