import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import { SluiceError } from '../../src/contract/errors.js';
import { textOf } from '../../src/contract/openai.js';
import { createEngine } from '../../src/engines/create.js';
import type { Engine } from '../../src/engines/engine.js';
import { events, fakeServer, finish, type Seen, text } from '../support/openai-engine.js';
import { type Knob, poolKnob, poolOf } from './knob.js';
import { generate } from './looks.js';

const PROFILE = 'llama-3.1-8b-fp8-h100';
const asOpenai = (fields: object) => ({
  'pools.p.engine': { kind: 'openai', profile: PROFILE, urls: ['http://127.0.0.1:1'], ...fields },
});

const fine = (response: ServerResponse) => {
  events(response, text('fine'), finish('stop'), '[DONE]');
  response.end();
};

/** What a server saw of one request of pool p's engine, and what became of it. */
async function ask(config: Config, answer = (response: ServerResponse, _: number) => fine(response)) {
  const models = ['llama-3.1-8b', 'other'].map((id) => ({ id }));
  const server = await fakeServer((response, _seen, index) => answer(response, index), {
    '/v1/models': JSON.stringify({ data: models }),
  });
  const pool = poolOf(config);
  if (pool.engine.kind === 'openai' && pool.engine.urls !== null) pool.engine.urls = [server.url];
  const engine = createEngine(pool, 'vllm');
  try {
    await engine.start(new AbortController().signal);
    const said = await generate(engine, 10, 5).then(({ tokens }) => textOf(tokens), messageOf);
    return { said, seen: server.seen[0] as Seen };
  } finally {
    await engine.stop();
    await server.close();
  }
}

async function startError(engine: Engine): Promise<string> {
  try {
    return await engine.start(new AbortController().signal).then(() => 'started', messageOf);
  } finally {
    await engine.stop({ now: true });
  }
}

const messageOf = (error: unknown) => SluiceError.from(error).message;
const engineOf = (config: Config) => createEngine(poolOf(config), 'vllm');

/** What a worker does with an engine that it reaches over HTTP, by the fields of its pool. */
export const OPENAI_ENGINES: Knob[] = [
  poolKnob('engine.urls', {
    says: 'a worker asks the server that is named',
    given: asOpenai({ urls: ['http://127.0.0.1:1'], start_timeout_seconds: 1 }),
    to: ['http://127.0.0.1:2'],
    see: (config) => startError(engineOf(config)),
    show: (before, after) => {
      expect(before).toContain('http://127.0.0.1:1: /health');
      expect(after).toContain('http://127.0.0.1:2: /health');
    },
  }),
  poolKnob('engine.command', {
    says: 'a worker starts the program that is named',
    given: {
      'pools.p.engine': { kind: 'openai', profile: PROFILE, command: "sh -c 'echo one {tp}; exit 3' {port}" },
    },
    to: "sh -c 'echo two on {model}; exit 4' {port}",
    see: (config) => startError(engineOf(config)),
    show: (before, after) => {
      expect(before).toContain('it ended with exit code 3; it last said: one 1');
      expect(after).toContain('it ended with exit code 4; it last said: two on llama-3.1-8b');
    },
  }),
  poolKnob('engine.served_model', {
    says: 'the engine is asked for the model by its own name',
    given: asOpenai({ served_model: 'llama-3.1-8b' }),
    to: 'other',
    see: async (config) => (await ask(config)).seen.body.model,
    show: (before, after) => expect([before, after]).toEqual(['llama-3.1-8b', 'other']),
  }),
  poolKnob('engine.api_key_env', {
    says: 'the key is that of the variable that is named',
    given: asOpenai({ api_key_env: 'SLUICE_KNOB_KEY_A' }),
    to: 'SLUICE_KNOB_KEY_B',
    see: async (config) => {
      Object.assign(process.env, { SLUICE_KNOB_KEY_A: 'a', SLUICE_KNOB_KEY_B: 'b' });
      return (await ask(config)).seen.headers.authorization;
    },
    show: (before, after) => expect([before, after]).toEqual(['Bearer a', 'Bearer b']),
  }),
  poolKnob('engine.send_priority', {
    says: 'the priority of the pool goes along, or not',
    given: asOpenai({ send_priority: false }),
    to: true,
    see: async (config) => (await ask(config)).seen.body.priority,
    show: (before, after) => expect([before, after]).toEqual([undefined, 2]),
  }),
  poolKnob('engine.retries', {
    says: 'a request whose first attempt fails is failed, or tried again',
    given: asOpenai({ retries: 0 }),
    to: 1,
    see: async (config) => {
      const { said } = await ask(config, (response, index) =>
        index === 0 ? void response.writeHead(500).end() : fine(response),
      );
      return said;
    },
    show: (before, after) => {
      expect(before).toContain('answered 500');
      expect(after).toBe('fine');
    },
  }),
  poolKnob('engine.connect_timeout_seconds', {
    says: 'a connection that does not come to stand is given up after so long',
    given: asOpenai({ connect_timeout_seconds: 1, start_timeout_seconds: 1 }),
    to: 0.2,
    see: async (config) => {
      // Accepts, and never answers the handshake of TLS.
      const silent = createServer(() => {}).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const address = silent.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const pool = poolOf(config);
      if (pool.engine.kind === 'openai' && pool.engine.urls !== null)
        pool.engine.urls = [`https://127.0.0.1:${port}`];
      const error = await startError(createEngine(pool, 'vllm'));
      silent.close();
      return error;
    },
    show: (before, after) => {
      expect(before).toContain('timeout: 1000ms');
      expect(after).toContain('timeout: 200ms');
    },
  }),
  poolKnob('engine.first_token_timeout_seconds', {
    says: 'a request without a first token is given up after so long',
    given: asOpenai({ first_token_timeout_seconds: 0.5, retries: 0 }),
    to: 0.1,
    see: async (config) => {
      const { said } = await ask(
        config,
        (response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n'),
      );
      return said;
    },
    show: (before, after) => {
      expect(before).toContain('no first token in 0.5 s');
      expect(after).toContain('no first token in 0.1 s');
    },
  }),
  poolKnob('engine.token_gap_timeout_seconds', {
    says: 'a request whose tokens stop is given up after so long',
    given: asOpenai({ token_gap_timeout_seconds: 0.5, retries: 0 }),
    to: 0.1,
    see: async (config) => (await ask(config, (response) => events(response, text('a')))).said,
    show: (before, after) => {
      expect(before).toContain('no token for 0.5 s');
      expect(after).toContain('no token for 0.1 s');
    },
  }),
  poolKnob('engine.start_timeout_seconds', {
    says: 'an engine that does not become healthy has failed to start after so long',
    given: asOpenai({ start_timeout_seconds: 2 }),
    to: 1,
    see: async (config) => {
      const startedMs = Date.now();
      await startError(engineOf(config));
      return Date.now() - startedMs;
    },
    show: (before, after) => {
      expect(before).toBeGreaterThanOrEqual(2000);
      expect(after).toBeGreaterThanOrEqual(1000);
      expect(after).toBeLessThan(2000);
    },
  }),
];
