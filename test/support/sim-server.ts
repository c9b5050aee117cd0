import { z } from 'zod';
import { NO_FAULTS } from '../../src/engines/sim-server/faults.js';
import {
  type SimServer,
  type SimServerOptions,
  startSimServer,
} from '../../src/engines/sim-server/server.js';
import { roundProfile } from './profiles.js';

/** A sim engine server in this process, ready, on a free port of loopback. */
export async function simServer(
  options: Partial<Omit<SimServerOptions, 'engine'>> & { engine?: Partial<SimServerOptions['engine']> } = {},
): Promise<SimServer> {
  const { engine, ...rest } = options;
  const server = await startSimServer({
    model: 'm',
    host: '127.0.0.1',
    port: 0,
    profile: roundProfile,
    tp: 1,
    gpuMemoryUtilization: 0.9,
    apiKey: null,
    faults: NO_FAULTS,
    handoverMs: 5000,
    crash: () => {},
    ...rest,
    engine: {
      kind: 'sim',
      profile: 'round',
      coldStartSeconds: 0,
      maxSequences: 64,
      maxBatchedTokens: 2048,
      prefixCache: true,
      seed: 1,
      ...engine,
    },
  });
  if ((engine?.coldStartSeconds ?? 0) === 0) await server.ready;
  return server;
}

const call = z.looseObject({ function: z.object({ name: z.string().optional(), arguments: z.string() }) });
const said = z.looseObject({ content: z.string().nullish(), tool_calls: z.array(call).optional() });
const choice = z.looseObject({
  delta: said.optional(),
  message: said.optional(),
  text: z.string().optional(),
  finish_reason: z.string().nullable(),
});
const answerSchema = z.looseObject({
  choices: z.array(choice).default([]),
  usage: z.record(z.string(), z.number()).nullish(),
  kv_transfer_params: z.looseObject({ remote_block_ids: z.array(z.number()) }).optional(),
  error: z.looseObject({ message: z.string() }).optional(),
});
export type OpenaiAnswer = z.output<typeof answerSchema>;

/** Posts JSON and reads the answer: a stream has `events` and `done`, anything else `json`. */
export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; json: OpenaiAnswer; events: OpenaiAnswer[]; done: boolean; text: string }> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  const stream = answer.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const data = stream ? [...text.matchAll(/^data: (.*)$/gm)].map(([, line]) => line ?? '') : [];
  return {
    status: answer.status,
    json: answerSchema.parse(stream ? {} : JSON.parse(text)),
    events: data.filter((line) => line !== '[DONE]').map((line) => answerSchema.parse(JSON.parse(line))),
    done: data.at(-1) === '[DONE]',
    text,
  };
}
