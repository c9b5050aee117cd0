import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ServerSpan, serverSpan } from '../../tracing/tracing.js';

const spans = new WeakMap<FastifyRequest, ServerSpan>();

/** Makes a span of each request to generate, in the caller's own trace (W3C `traceparent`) where there is one. */
export function traceHttp(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    const route = request.routeOptions.url ?? '';
    if (!route.startsWith('/v1/')) return;
    const span = serverSpan(`${request.method} ${route}`, request.headers, () => ({
      'http.request.method': request.method,
      'http.route': route,
    }));
    if (span !== null) spans.set(request, span);
  });
  // Reading a body leaves the asynchronous context of earlier hooks, so the span is entered right before the handler.
  app.addHook('preHandler', (request, _reply, done) => {
    const span = spans.get(request);
    if (span === undefined) done();
    else span.run(done);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const header = (name: string) => reply.raw.getHeader(name)?.toString() ?? '';
    spans.get(request)?.end(reply.statusCode, {
      'sluice.request.id': header('x-request-id'),
      'sluice.level': header('x-slo-level'),
    });
    done();
  });
}
