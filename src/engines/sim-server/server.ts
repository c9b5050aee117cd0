import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { SimEngineConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { Profile } from '../../profile/types.js';
import { createSimEngine, type SimEngine } from '../sim/live.js';
import { wallClock } from '../sim/wall-clock.js';
import { HttpError, readAsked, wrongFields } from './asked.js';
import { FaultDice, type Faults, faultsSchema, SlowClock } from './faults.js';
import { KvTransfer, TAKE_PATH, takeSchema } from './kv-transfer.js';
import { SimMetrics } from './metrics.js';
import { cutPoint, type Serving, serve } from './serve.js';

export interface SimServerOptions {
  /** Name that the model is served under. */
  model: string;
  host: string;
  /** 0: a free one. */
  port: number;
  profile: Profile;
  tp: number;
  /** 0..1 */
  gpuMemoryUtilization: number;
  engine: SimEngineConfig;
  /** Requests need `Authorization: Bearer` with it; null: none. */
  apiKey: string | null;
  faults: Faults;
  /** KV of a prefill is kept so long for its decode engine, ms. */
  handoverMs: number;
  /** Ends the process as a crash would. */
  crash: () => void;
}

export interface SimServer {
  url: string;
  port: number;
  engine: SimEngine;
  metrics: SimMetrics;
  dice: FaultDice;
  /** Resolves when the cold start is over. */
  ready: Promise<void>;
  close(): Promise<void>;
}

const BODY_LIMIT = 64 * 1024 * 1024;

/**
 * Serves a sim engine over HTTP as `vllm serve` does: OpenAI's API, `/health` (503 during the cold start), `/metrics`,
 * the disaggregated protocol; and `/sim/faults` (loopback only), by which it can be made to misbehave. Listens before
 * it is ready. Errors: `port_in_use`; `invalid_config` where the profile leaves no room for a KV cache.
 */
export async function startSimServer(options: SimServerOptions): Promise<SimServer> {
  const clock = new SlowClock(wallClock());
  const dice = new FaultDice(options.faults, options.engine.seed);
  clock.setFactor(options.faults.slow);
  const engine = createSimEngine({
    profile: options.profile,
    tp: options.tp,
    gpuMemoryUtilization: options.gpuMemoryUtilization,
    engine: options.engine,
    handoverMs: options.handoverMs,
    clock: clock.now,
  });
  const metrics = new SimMetrics();
  const kv = new KvTransfer(engine, options.profile, metrics);
  const app = Fastify({ bodyLimit: BODY_LIMIT, forceCloseConnections: true, logger: false });
  let up = false;
  let port = options.port;
  const offer = (id: string) => kv.offer(id, options.host === '0.0.0.0' ? '127.0.0.1' : options.host, port);
  const serving: Serving = {
    engine,
    metrics,
    model: options.model,
    now: clock.now,
    slow: () => dice.faults.slow,
    offer,
  };

  answerErrors(app);
  app.addHook('onRequest', async (request) => {
    if (!request.url.startsWith('/v1/')) return;
    if (options.apiKey !== null && request.headers.authorization !== `Bearer ${options.apiKey}`)
      throw new HttpError(401, 'AuthenticationError', 'expected the API key as a bearer token');
    if (!up) throw new HttpError(503, 'ServiceUnavailableError', 'the engine is starting');
  });
  const complete = (chat: boolean) => async (request: FastifyRequest, reply: FastifyReply) => {
    const named = request.headers['x-request-id'];
    const asked = readAsked(
      chat,
      request.body,
      typeof named === 'string' ? named : randomUUID(),
      options.model,
    );
    const fate = dice.fate();
    if (fate === 'error') throw new HttpError(500, 'InternalServerError', 'injected error');
    const gone = new AbortController();
    reply.raw.on('close', () => gone.abort(new Error('the client is gone')));
    if (fate === 'hang') return reply.hijack();
    if (asked.remoteKv !== null && !(await kv.fetch(asked.remoteKv)))
      throw new HttpError(
        500,
        'InternalServerError',
        'KV load failed: the prefill engine has no such blocks',
      );
    try {
      await serve(
        serving,
        asked,
        reply.raw,
        gone.signal,
        cutPoint(fate, asked, () => dice.roll()),
      );
    } catch (error) {
      if (error instanceof HttpError) throw error;
      // The client is gone, or the engine stopped: the stream ends short, as a dead engine's does.
      reply.raw.destroy();
    }
    return reply.hijack();
  };
  app.post('/v1/chat/completions', complete(true));
  app.post('/v1/completions', complete(false));
  app.get('/v1/models', async () => ({ object: 'list', data: [modelCard(options, engine)] }));
  app.get('/health', async (_request, reply) =>
    reply.code(up && !dice.faults.unhealthy ? 200 : 503).send(''),
  );
  app.get('/version', async () => ({ version: 'sluice-sim' }));
  app.get('/metrics', async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(
      metrics.render(options.model, engine.load(), engine.prefixTokens, {
        gpuMemoryUtilization: options.gpuMemoryUtilization,
        prefixCache: options.engine.prefixCache,
      }),
    ),
  );
  app.post(TAKE_PATH, async (request) => {
    const given = kv.give(parse(takeSchema.safeParse(request.body)));
    if (given === null) throw new HttpError(404, 'NotFoundError', 'no such KV blocks are kept here');
    return given;
  });
  app.get('/sim/faults', { onRequest: loopbackOnly }, async () => dice.faults);
  app.post('/sim/faults', { onRequest: loopbackOnly }, async (request) => {
    dice.faults = parse(faultsSchema.safeParse(request.body));
    clock.setFactor(dice.faults.slow);
    return dice.faults;
  });
  app.post('/sim/crash', { onRequest: loopbackOnly }, async () => {
    setImmediate(options.crash);
    return { crash: true };
  });

  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('port_in_use', `cannot listen on ${options.host}:${options.port}: ${reason}`);
  }
  const address = app.server.address();
  if (typeof address === 'object' && address !== null) port = address.port;
  const starting = new AbortController();
  const ready = engine.start(starting.signal).then(() => {
    up = true;
  });
  ready.catch(() => {}); // closed while it started
  const close = async () => {
    starting.abort(new Error('closed'));
    await engine.stop();
    await app.close();
  };
  return { url: `http://${options.host}:${port}`, port, engine, metrics, dice, ready, close };
}

function modelCard({ model }: SimServerOptions, engine: SimEngine): Record<string, unknown> {
  const { totalKvBlocks, blockTokens } = engine.load();
  return {
    id: model,
    object: 'model',
    created: 0,
    owned_by: 'sluice-sim',
    root: model,
    parent: null,
    max_model_len: totalKvBlocks * blockTokens,
  };
}

function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const known = error instanceof HttpError;
    const status = known ? error.status : (error.statusCode ?? 500);
    const type = known ? error.type : status < 500 ? 'BadRequestError' : 'InternalServerError';
    const param = known ? error.param : null;
    return reply.code(status).send({ error: { message: error.message, type, param, code: status } });
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error: {
        message: `no ${request.method} ${request.url} here`,
        type: 'NotFoundError',
        param: null,
        code: 404,
      },
    }),
  );
}

async function loopbackOnly(request: FastifyRequest): Promise<void> {
  if (/^(127\.|::1$|::ffff:127\.)/.test(request.ip)) return;
  throw new HttpError(403, 'PermissionDeniedError', 'fault injection is for loopback clients only');
}

function parse<T>(parsed: z.ZodSafeParseResult<T>): T {
  if (parsed.success) return parsed.data;
  throw wrongFields(parsed.error);
}
