import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';

/** What still comes is read for so long: after it a slow sender may find its connection reset. */
const LINGER_MS = 5_000;
/** And so much of it: this many times the longest body, at least `LEAST_BYTES`. */
const TIMES = 4;
const LEAST_BYTES = 64 * 1024 * 1024;

const lingering = new WeakSet<Socket>();

/** Whether a connection has its answer, and only what its client still sends is read from it. */
export function lingers(socket: Socket): boolean {
  return lingering.has(socket);
}

/**
 * Sends a refusal of a request whose body is still coming, and closes its connection only after the rest was read, for a
 * bounded time and size. A connection that is closed on a client that writes is reset, and its answer lost.
 */
export function sendThenLinger(reply: FastifyReply, body: object): FastifyReply {
  const { raw, routeOptions } = reply.request;
  const text = Buffer.from(JSON.stringify(body));
  const most = Math.max(LEAST_BYTES, TIMES * (routeOptions.bodyLimit ?? 0));
  lingering.add(raw.socket);
  async function* answer() {
    yield text;
    await rest(raw, most);
  }
  return reply.header('content-length', text.length).send(Readable.from(answer()));
}

/** Reads and forgets the rest of a request. Resolves when all of it has come, it broke off, or a bound is reached. */
function rest(raw: IncomingMessage, mostBytes: number): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0;
    const done = () => {
      clearTimeout(limit);
      raw.off('data', count);
      resolve();
    };
    const count = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > mostBytes) done();
    };
    const limit = setTimeout(done, LINGER_MS);
    if (raw.complete || raw.destroyed) done();
    raw.on('data', count).once('end', done).once('close', done).once('error', done);
    raw.resume();
  });
}
