import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { OpenaiEngineConfig } from '../../src/config/types.js';
import type { EngineRequest } from '../../src/engines/engine.js';
import { OpenaiEngine, type OpenaiEngineOptions } from '../../src/engines/openai/engine.js';

/** Short times, so that a test of a time-out is short. */
const CONFIG: OpenaiEngineConfig = {
  kind: 'openai',
  profile: 'unused here',
  coldStartSeconds: 1,
  maxSequences: 64,
  maxBatchedTokens: 2048,
  urls: [],
  command: null,
  servedModel: null,
  apiKeyEnv: null,
  sendPriority: false,
  retries: 0,
  connectTimeoutSeconds: 1,
  firstTokenTimeoutSeconds: 2,
  tokenGapTimeoutSeconds: 2,
  startTimeoutSeconds: 2,
};

/** An engine on servers that run; started. */
export async function openaiEngine(
  servers: OpenaiEngineOptions['servers'],
  config: Partial<OpenaiEngineConfig> = {},
  options: Partial<OpenaiEngineOptions> = {},
  signal = new AbortController().signal,
): Promise<OpenaiEngine> {
  const engine = new OpenaiEngine({
    config: { ...CONFIG, ...config } as OpenaiEngineConfig,
    model: 'm',
    priority: 2,
    apiKey: null,
    kvTokens: 100_000,
    law: null,
    servers,
    ...options,
  });
  await engine.start(signal);
  return engine;
}

export function asked(id: string, maxTokens: number, more: Partial<EngineRequest> = {}): EngineRequest {
  return { id, prompt: 'why is it so', isl: 4, maxTokens, emitted: [], phase: 'whole', ...more };
}

/** All tokens of a request. */
export async function tokensOf(
  engine: OpenaiEngine,
  request: EngineRequest,
  signal = new AbortController().signal,
): Promise<string[]> {
  const tokens: string[] = [];
  for await (const batch of engine.generate(request, signal)) {
    if (batch.atMs.length !== batch.tokens.length) throw new Error('a time for each token');
    tokens.push(...batch.tokens);
  }
  return tokens;
}

export interface Seen {
  url: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

export interface FakeServer {
  url: string;
  /** What it answers to a GET of a path: a text, or a status; may be changed. */
  gets: Record<string, string | number>;
  /** Completion requests, in order. */
  seen: Seen[];
  /** Connections that were made. */
  connections: () => number;
  close(): Promise<void>;
}

/** A server whose health, models and metrics are in order, and that answers completions as it is told; `port` 0: any. */
export async function fakeServer(
  answer: (response: ServerResponse, seen: Seen, index: number) => void,
  gets: Record<string, string | number> = {},
  port = 0,
): Promise<FakeServer> {
  const seen: Seen[] = [];
  let connections = 0;
  const known: Record<string, string | number> = {
    '/health': '',
    '/v1/models': JSON.stringify({ data: [{ id: 'm', owned_by: 'vllm' }] }),
    '/metrics': 404,
    ...gets,
  };
  const server = createServer((request, response) => {
    if (request.method === 'GET') {
      const told = known[request.url ?? ''] ?? 404;
      response.writeHead(typeof told === 'number' ? told : 200).end(typeof told === 'number' ? '' : told);
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString());
      seen.push({ url: request.url ?? '', headers: request.headers, body });
      answer(response, seen.at(-1)!, seen.length - 1);
    });
  });
  server.on('connection', () => connections++);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : 0;
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${bound}`, gets: known, seen, connections: () => connections, close };
}

/** Starts a stream and writes events: objects as JSON, texts as they are. */
export function events(response: ServerResponse, ...data: (object | string)[]): ServerResponse {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const each of data)
    response.write(`data: ${typeof each === 'string' ? each : JSON.stringify(each)}\n\n`);
  return response;
}

export const text = (content: string, usage?: object) => ({
  choices: [{ index: 0, text: content, finish_reason: null }],
  ...(usage && { usage }),
});
export const delta = (part: object, usage?: object) => ({
  choices: [{ index: 0, delta: part, finish_reason: null }],
  ...(usage && { usage }),
});
export const finish = (finish_reason: string, usage?: object) => ({
  choices: [{ index: 0, text: '', delta: {}, finish_reason }],
  ...(usage && { usage }),
});

/** To be closed after the test, last first. */
export const opened: { close?(): Promise<void>; stop?(): Promise<void> }[] = [];
export async function closeOpened(): Promise<void> {
  for (const each of opened.splice(0).reverse()) await (each.stop?.() ?? each.close?.());
}

/** A server and an engine on it, until `closeOpened`. */
export async function serving(
  answer: Parameters<typeof fakeServer>[0],
  config: Parameters<typeof openaiEngine>[1] = {},
  gets: Parameters<typeof fakeServer>[1] = {},
): Promise<{ server: FakeServer; engine: OpenaiEngine }> {
  const server = await fakeServer(answer, gets);
  opened.push(server);
  const engine = await openaiEngine([server.url], config);
  opened.push(engine);
  return { server, engine };
}

export const usage = (completion_tokens: unknown, prompt_tokens: unknown = 4) => ({
  prompt_tokens,
  completion_tokens,
});

/** A whole answer: one token, `fine`. */
export function good(response: ServerResponse): void {
  events(response, text('fine'), finish('stop', usage(1)), '[DONE]');
  response.end();
}
