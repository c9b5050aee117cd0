import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../contract/errors.js';
import { sendError } from './errors.js';

/** Answers what no route takes: 405 with the methods there are, or 404. Call before the routes are there. */
export function answerNotFound(app: FastifyInstance): void {
  const known: { path: RegExp; method: string }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    const path = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+').replace(/\*$/, '.+')}$`);
    for (const one of [method].flat()) known.push({ path, method: one });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '';
    const methods = known.filter((route) => route.path.test(path)).map((route) => route.method);
    const what = `${request.method} ${path.slice(0, 200)}`;
    if (methods.length === 0) {
      return sendError(reply, new SluiceError('not_found', `no such path: ${what}; expected one under /v1`));
    }
    const allowed = [...new Set(methods)].join(', ');
    reply.header('allow', allowed);
    return sendError(reply, new SluiceError('method_not_allowed', `expected ${allowed}, got ${what}`));
  });
}
