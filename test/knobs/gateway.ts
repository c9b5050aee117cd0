import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import { SluiceError } from '../../src/contract/errors.js';
import { Gateway } from '../../src/gateway/gateway.js';
import { HandEngine, startPoolWorker, until } from '../support/pool.js';
import { type Knob, knob, poolKnob, type Room } from './knob.js';
import { closing, emptyRedis } from './redis.js';

/** A self-signed certificate for this test run. */
const pem = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-pem-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-days', '1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject, '-keyout', key, '-out', cert], {
    stdio: 'ignore',
  });
  return { cert, key };
})();

/** A folder of one trace. */
const traces = (() => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-traces-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'day.csv'), '');
  return folder;
})();

const PROMPT = 'a few secret words';

/** What the HTTP gateway does, by the fields of the file. */
export const GATEWAY: Knob[] = [
  knob('gateway.host', {
    says: 'it listens on that address',
    to: '127.0.0.2',
    see: async (config, room) => new URL((await open(config, room)).url).hostname,
    show: (before, after) => expect([before, after]).toEqual(['127.0.0.1', '127.0.0.2']),
  }),
  knob('gateway.port', {
    says: 'it listens on that port, not on any that is free',
    to: freePort(),
    see: async (config, room) => ({ asked: config.gateway.port, got: port((await open(config, room)).url) }),
    show: (before, after) => {
      expect(before.got).not.toBe(after.got);
      expect(after.got).toBe(after.asked);
    },
  }),
  knob('gateway.auth', {
    says: 'without a key the models are told, or refused with 401',
    to: 'keys',
    see: async (config, room) => (await fetch(`${(await open(config, room)).url}/v1/models`)).status,
    show: (before, after) => expect([before, after]).toEqual([200, 401]),
  }),
  knob('gateway.tls.cert', {
    says: 'with its key there, it speaks HTTPS',
    given: { 'gateway.tls.key': pem.key },
    to: pem.cert,
    see: protocol,
    show: (before, after) => expect([before, after]).toEqual(['invalid_config', 'https:']),
  }),
  knob('gateway.tls.key', {
    says: 'with its certificate there, it speaks HTTPS',
    given: { 'gateway.tls.cert': pem.cert },
    to: pem.key,
    see: protocol,
    show: (before, after) => expect([before, after]).toEqual(['invalid_config', 'https:']),
  }),
  knob('gateway.cors_origins', {
    says: 'a page of the origin may read the answer',
    to: ['https://app.example'],
    see: async (config, room) => {
      const headers = { origin: 'https://app.example' };
      const answer = await fetch(`${(await open(config, room)).url}/v1/models`, { headers });
      return answer.headers.get('access-control-allow-origin');
    },
    show: (before, after) => expect([before, after]).toEqual([null, 'https://app.example']),
  }),
  knob('gateway.max_body_bytes', {
    says: 'a body of 8 KB is read, and found to have no messages, or refused for its size',
    to: 4096,
    see: async (config, room) => {
      const { url } = await open(config, room);
      return (await chat(url, { messages: [], user: 'x'.repeat(8192) })).status;
    },
    show: (before, after) => expect([before, after]).toEqual([400, 413]),
  }),
  knob('gateway.request_timeout_seconds', {
    says: 'a client that stops in the middle of its request is cut off after half a second',
    to: 0.5,
    see: async (config, room) => halfSent((await open(config, room)).url, 2500),
    show: (before, after) => {
      expect(before).toBe('still waited for');
      expect(after).toContain(' 408 ');
    },
  }),
  knob('gateway.default_max_tokens', {
    says: 'an answer whose request does not say has so many tokens at most',
    to: 7,
    given: { 'gateway.default_max_tokens': 20 },
    see: async (config, room) => {
      const { url } = await serving(config, room);
      const answer = await (await chat(url, ask)).json();
      return (answer as { usage: { completion_tokens: number } }).usage.completion_tokens;
    },
    show: (before, after) => expect([before, after]).toEqual([20, 7]),
  }),
  knob('gateway.webhooks.http', {
    says: 'a webhook over plain HTTP is accepted',
    given: { 'gateway.webhooks.private_addresses': true },
    to: true,
    see: (config, room) => webhookStatus(config, room, 'http://127.0.0.1:1/hook'),
    show: (before, after) => expect([before, after]).toEqual([400, 202]),
  }),
  knob('gateway.webhooks.private_addresses', {
    says: 'a webhook to this machine is accepted',
    to: true,
    see: (config, room) => webhookStatus(config, room, 'https://127.0.0.1:1/hook'),
    show: (before, after) => expect([before, after]).toEqual([400, 202]),
  }),
  poolKnob('admission.policy', {
    says: 'what cannot start before its deadline is refused, or waits in the queue all the same',
    to: 'queue',
    see: (config, room) => handedIn(config, room, { deadline_ms: 500 }),
    show: (before, after) => expect([before, after]).toEqual([[429], [202]]),
  }),
  poolKnob('admission.waiting_room', {
    says: 'with no worker ready so many requests may wait',
    to: 1,
    see: (config, room) => handedIn(config, room, {}, {}),
    show: (before, after) =>
      expect([before, after]).toEqual([
        [202, 202],
        [202, 429],
      ]),
  }),
  knob('gateway.traces', {
    says: 'the what-if of the dashboard offers the files of that folder',
    to: traces,
    see: async (config, room) => {
      const answer = await fetch(`${(await open(config, room)).url}/dashboard/what-if`);
      return ((await answer.json()) as { traces: string[] | null }).traces;
    },
    show: (before, after) => expect([before, after]).toEqual([null, ['day.csv']]),
  }),
  knob('gateway.log_prompts', {
    says: 'the prompt is in the log, or nowhere in it',
    to: true,
    given: { 'gateway.default_max_tokens': 3 },
    see: async (config, room) => {
      const { url, logged } = await serving(config, room);
      await chat(url, ask);
      return logged().includes(PROMPT);
    },
    show: (before, after) => expect([before, after]).toEqual([false, true]),
  }),
];

const ask = { messages: [{ role: 'user', content: PROMPT }], slo_level: 'medium' };

async function open(config: Config, room: Room): Promise<{ url: string; logged: () => string }> {
  await emptyRedis(config, room);
  let text = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const { redisUrl } = room;
  const gateway = await Gateway.open({ config, redisUrl, dataDir: tmpdir(), log: pino({}, sink) });
  closing(() => gateway.close());
  return { url: gateway.url, logged: () => text };
}

async function serving(config: Config, room: Room) {
  const opened = await open(config, room);
  const worker = await startPoolWorker(room.redisUrl, config, 'p', new HandEngine(100, true), 'w1');
  closing(() => worker.stop());
  return opened;
}

async function webhookStatus(config: Config, room: Room, url: string): Promise<number | undefined> {
  return (await handedIn(config, room, { webhook: { url } }))[0];
}

/** Statuses of asynchronous requests, one after the other, with no worker there. */
async function handedIn(config: Config, room: Room, ...more: object[]): Promise<number[]> {
  const { url } = await open(config, room);
  const headers = { 'content-type': 'application/json' };
  const statuses: number[] = [];
  for (const fields of more) {
    const body = JSON.stringify({ ...ask, ...fields });
    statuses.push((await fetch(`${url}/v1/requests`, { method: 'POST', headers, body })).status);
  }
  return statuses;
}

function chat(url: string, body: object): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** The protocol it speaks, or the code of the error that it does not start for. */
async function protocol(config: Config, room: Room): Promise<string> {
  try {
    return new URL((await open(config, room)).url).protocol;
  } catch (error) {
    return SluiceError.from(error).code;
  }
}

async function halfSent(url: string, limitMs: number): Promise<string> {
  const socket = dial(port(url), '127.0.0.1');
  let answer = '';
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  socket.write(
    'POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
  );
  const waited = until(() => answer !== '', 'an answer', limitMs).catch(() => {});
  await waited;
  socket.destroy();
  return answer === '' ? 'still waited for' : answer;
}

function port(url: string): number {
  return Number(new URL(url).port);
}

/** A port that was free a moment ago, outside the range that the system gives away. */
function freePort(): number {
  return 20_000 + (process.pid % 10_000);
}
