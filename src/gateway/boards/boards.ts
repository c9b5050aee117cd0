import { AsyncLocalStorage } from 'node:async_hooks';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import { redacted } from '../../contract/redact.js';
import { answered } from '../../dashboard/answered.js';
import { operatorGiven } from '../caller.js';
import { errorBody, knownError } from '../errors.js';
import { assertLoopbackName } from '../routes/dashboard/guard.js';
import type { GatewayServices } from '../services.js';
import { submissionShown } from './submission-shown.js';

const PATH = '/queues';
/** What would write job data: it is shown redacted, so what came back would destroy the request. */
const WRITES_DATA = /\/(add|update-data|duplicate)(\?|$)/;

/** The page asks nothing of another host: its fonts are those of the reader's machine. */
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; frame-ancestors 'self'";
const FONTS = /<link href="https:\/\/fonts\.googleapis\.com[^>]*>/;

/**
 * Bull-board at `/queues` with every queue of the installation. It reads only, unless an operator's key came with the
 * request; where the gateway asks for keys, an operator's is needed to see it at all, since it shows every tenant's, and
 * where it asks for none, a loopback address. A Redis that does not answer is told as `no_redis`.
 * Prompts and answers are redacted by the rule of the logs, for operators too.
 */
export function queueBoards(app: FastifyInstance, services: GatewayServices): void {
  const operating = new AsyncLocalStorage<boolean>();
  const { keys, config } = services;
  const adapters = [...services.monitor.queues.byName].map(([name, queue]) => {
    const shown = { displayName: name, delimiter: '.' };
    const adapter = new NamedAdapter(name, queue, shown);
    adapter.setFormatter('data', queue.name === keys.requestsQueue ? submissionShown : redacted);
    adapter.setFormatter('returnValue', redacted);
    const readOnly = { get: () => operating.getStore() !== true };
    Object.defineProperty(adapter, 'readOnlyMode', readOnly);
    Object.defineProperty(adapter, 'allowRetries', { get: () => operating.getStore() === true });
    return adapter;
  });
  const server = new FastifyAdapter().setBasePath(PATH);
  createBullBoard({
    queues: adapters,
    serverAdapter: server,
    options: { uiConfig: { boardTitle: `${config.namespace} queues`, hideRedisDetails: false } },
  });
  server.setErrorHandler((error) => {
    const known = knownError(error);
    return { status: statusOf(known), body: { ...errorBody(known), error: known.message } };
  });
  app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      if (config.gateway.auth === 'none') assertLoopbackName(request);
      const given = await answered(operatorGiven(request, services.known));
      const { method } = request;
      if (config.gateway.auth === 'keys' && given === 'none') {
        reply.header('www-authenticate', 'Basic realm="sluice operator key as password", charset="UTF-8"');
        throw new SluiceError('unauthorized', 'expected the key of an operator, as bearer or as password');
      }
      const reads = method === 'GET' || method === 'HEAD';
      if (given !== 'operator' && (config.gateway.auth === 'keys' || !reads)) {
        throw new SluiceError(
          'forbidden',
          `expected the key of an operator (\`sluice keys create --operator\`) for ${reads ? 'the queue boards' : `${method} on them`}`,
        );
      }
      if (!reads && WRITES_DATA.test(request.url)) {
        throw new SluiceError('forbidden', 'job data is shown redacted, so it is not written from here');
      }
      if (!reads && !sameOrigin(request.headers)) {
        throw new SluiceError(
          'forbidden',
          'expected a request of the boards themselves, got one of another page',
        );
      }
      operators.set(request, given === 'operator');
      // Nothing is asked of a Redis that hangs: a write would be done whenever that is back.
      if (request.url.startsWith(`${PATH}/api/`)) await answered(services.redis.ping());
    });
    // Reading a body leaves the asynchronous context of earlier hooks, so it is set right before the handler.
    scope.addHook('preHandler', (request, _reply, done) => {
      operating.run(operators.get(request) === true, done);
    });
    scope.addHook('onSend', async (_request, reply, payload) => {
      reply.header('content-security-policy', POLICY);
      return typeof payload === 'string' ? payload.replace(FONTS, '') : payload;
    });
    await scope.register(server.registerPlugin(), { prefix: PATH });
  });
}

const operators = new WeakMap<object, boolean>();

class NamedAdapter extends BullMQAdapter {
  constructor(
    private readonly shown: string,
    queue: ConstructorParameters<typeof BullMQAdapter>[0],
    options: ConstructorParameters<typeof BullMQAdapter>[1],
  ) {
    super(queue, options);
  }

  /** Names are unique by this, not by the queue's own, which may be the same under two prefixes. */
  override getName(): string {
    return this.shown;
  }
}

/** A browser adds Basic credentials to what other pages send, too. Tools send no such header. */
function sameOrigin(headers: Record<string, string | string[] | undefined>): boolean {
  const site = headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin' || site === 'none';
}

type BoardStatus = Exclude<ReturnType<Parameters<FastifyAdapter['setErrorHandler']>[0]>['status'], undefined>;

function statusOf({ httpStatus }: SluiceError): BoardStatus {
  return httpStatus as BoardStatus;
}
