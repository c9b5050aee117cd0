import { readFileSync } from 'node:fs';
import { createServer, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { type FastifyError, type FastifyInstance, fastify } from 'fastify';
import type { GatewayConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { readJsonBodies } from './body.js';
import { callId, nameCall } from './call-id.js';
import { knowCallers } from './caller.js';
import { allowOrigins } from './cors.js';
import { errorBody, knownError, sendError } from './errors.js';
import { lingers } from './linger.js';
import { measureHttp } from './monitor/http-metrics.js';
import { traceHttp } from './monitor/trace-http.js';
import { answerNotFound } from './not-found.js';
import { routes } from './routes/all.js';
import { assertLoopbackName } from './routes/dashboard/guard.js';
import type { GatewayServices } from './services.js';

/** Node's own limit; a flood beyond it ends in 431. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Longest part of a path, such as an id, characters. */
const MAX_PARAM_LENGTH = 256;
/** An idle connection is kept for the client's next request so long. */
const KEEP_ALIVE_MS = 65_000;

/**
 * The HTTP server with every route, not listening yet.
 * Errors: `invalid_config` when a TLS file cannot be read or only one of the two is given.
 */
export function buildServer(services: GatewayServices): FastifyInstance {
  const { gateway } = services.config;
  const options = serverOptions(gateway);
  const tls = tlsOptions(gateway);
  const app = fastify({
    logger: false,
    bodyLimit: gateway.maxBodyBytes,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: {
      maxParamLength: MAX_PARAM_LENGTH,
    },
    frameworkErrors: (error, _request, reply) => {
      void sendError(reply, pathError(error));
    },
    genReqId: callId,
    clientErrorHandler: answerBrokenRequest,
    serverFactory: (handler) =>
      tls === null ? createServer(options, handler) : createTlsServer({ ...options, ...tls }, handler),
  });
  readJsonBodies(app);
  app.setErrorHandler((error, request, reply) => {
    const known = knownError(error);
    if (known.code === 'internal') {
      services.log.error(
        { id: request.id, method: request.method, route: request.routeOptions.url, err: error },
        'request failed',
      );
    }
    return sendError(reply, known);
  });
  app.addHook('onSend', async (_request, reply) => {
    if (services.stopping()) reply.header('connection', 'close');
  });
  app.addHook('onRequest', async (_request, reply) => nameCall(reply));
  answerNotFound(app);
  allowOrigins(app, gateway.corsOrigins);
  traceHttp(app);
  measureHttp(app, services.monitor.registry);
  knowCallers(app, gateway, services.known);
  if (gateway.auth === 'none') takeLoopbackNames(app);
  routes(app, services);
  return app;
}

/** Without keys, a page that had its name resolved to this address would get answers (DNS rebinding). */
function takeLoopbackNames(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (request.url.startsWith('/v1/')) assertLoopbackName(request);
  });
}

/** What Fastify says of a path before any route has it; it names the path, however long. */
function pathError({ code }: FastifyError): SluiceError {
  const expected =
    code === 'FST_ERR_MAX_PARAM_LENGTH'
      ? `ids of at most ${MAX_PARAM_LENGTH} characters`
      : 'a well-formed path';
  return new SluiceError('invalid_request', `path: expected ${expected}`);
}

function serverOptions(gateway: GatewayConfig): ServerOptions {
  const requestMs = Math.round(gateway.requestTimeoutSeconds * 1000);
  return {
    requestTimeout: requestMs,
    headersTimeout: Math.min(requestMs, 10_000),
    connectionsCheckingInterval: Math.min(1_000, requestMs),
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    noDelay: true,
  };
}

function tlsOptions({ tls }: GatewayConfig): { cert: Buffer; key: Buffer } | null {
  if (tls.cert === null && tls.key === null) return null;
  if (tls.cert === null || tls.key === null) {
    const missing = tls.cert === null ? 'gateway.tls.cert' : 'gateway.tls.key';
    throw new SluiceError(
      'invalid_config',
      `${missing}: expected a PEM file, since the other of the pair is given`,
    );
  }
  return { cert: readPem('gateway.tls.cert', tls.cert), key: readPem('gateway.tls.key', tls.key) };
}

function readPem(field: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SluiceError('invalid_config', `${field}: expected a readable PEM file, got: ${why}`);
  }
}

/** Answers what never became a request: malformed HTTP, too many headers, too slow a sender. */
function answerBrokenRequest(cause: Error, socket: Socket): void {
  if (socket.destroyed || !socket.writable) return;
  if (lingers(socket)) {
    socket.destroy();
    return;
  }
  const error = knownError(Object.assign(cause, { statusCode: 400 }));
  const body = JSON.stringify(errorBody(error));
  socket.end(
    `HTTP/1.1 ${error.httpStatus} ${error.code}\r\ncontent-type: application/json\r\n` +
      `x-request-id: ${callId()}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
