import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { isLoopback } from '../../config/loopback.js';
import { SluiceError } from '../../contract/errors.js';
import { parseJson } from '../../contract/reply.js';

/** Tried first where no port is asked for; @statelyai/inspect's own, 8080, is where the gateway likes to be. */
const USUAL_PORT = 8081;
const MESSAGE_BYTES = 256 * 1024;
/** What a receiver gets that comes later: the newest of all messages, and each actor with where it is. */
const KEPT_MESSAGES = 200;
const KEPT_BYTES = 8 << 20;
const KEPT_ACTORS = 64;
const MOST_CLIENTS = 64;
/** A receiver that has so much to read is cut off. */
const STUCK_BYTES = 8 << 20;

const messageSchema = z.object({
  type: z.enum(['@xstate.actor', '@xstate.event', '@xstate.snapshot']),
  sessionId: z.string().min(1).max(256),
});

/** A relay on loopback between what is inspected and who looks. */
export interface InspectorRelay {
  url: string;
  close(): Promise<void>;
}

/**
 * Serves a relay as `createInspectorServer` of @statelyai/inspect does: what one client sends, all others get. It listens
 * on loopback only, and takes no page of another site. A receiver that comes later gets every actor first.
 * @param port null: the usual one, or any that is free. Errors: `port_in_use`.
 */
export async function serveInspector(port: number | null): Promise<InspectorRelay> {
  const { WebSocketServer, OPEN } = await loadWs();
  const open = (at: number) =>
    listening(
      new WebSocketServer({
        host: '127.0.0.1',
        port: at,
        maxPayload: MESSAGE_BYTES,
        perMessageDeflate: false,
        verifyClient: ({ req: { headers } }: { req: IncomingMessage }) =>
          isHere(`http://${headers.host ?? ''}`) && (headers.origin === undefined || isHere(headers.origin)),
      }),
    );
  const server = await (port === null ? open(USUAL_PORT).catch(() => open(0)) : open(port)).catch((error) => {
    throw new SluiceError('port_in_use', `--inspect: cannot listen on port ${port}: ${String(error)}`);
  });
  const past = new Past();
  server.on('connection', (client: WebSocket) => {
    client.on('error', () => client.terminate());
    if (server.clients.size > MOST_CLIENTS) return client.close(1013, 'too many clients');
    for (const text of past.all()) client.send(text);
    client.on('close', () => past.forget(client));
    client.on('message', (data: RawData) => {
      const text = data.toString();
      if (!past.take(text, client)) return;
      for (const other of server.clients) {
        if (other === client || other.readyState !== OPEN) continue;
        if (other.bufferedAmount > STUCK_BYTES) other.terminate();
        else other.send(text);
      }
    });
  });
  const address = server.address();
  const at = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `ws://127.0.0.1:${at}`,
    close: async () => {
      for (const client of server.clients) client.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Loaded only when it is asked for. */
async function loadWs() {
  const { WebSocket, WebSocketServer } = await import('ws');
  return { WebSocketServer, OPEN: WebSocket.OPEN };
}

function listening(server: WebSocketServer): Promise<WebSocketServer> {
  return new Promise((resolve, reject) => {
    server.once('listening', () => resolve(server));
    server.once('error', reject);
  });
}

function isHere(url: string): boolean {
  return URL.canParse(url) && isLoopback(new URL(url).hostname);
}

interface Actor {
  from: WebSocket;
  actor: string | null;
  snapshot: string | null;
}

/** What was sent by those who are still there, as far as it is kept. */
class Past {
  /** By session: the actor, and its newest snapshot. The one heard last is last. */
  readonly #actors = new Map<string, Actor>();
  #recent: { from: WebSocket; text: string }[] = [];
  #bytes = 0;

  /** False: it is no message of the protocol, and is passed to nobody. */
  take(text: string, from: WebSocket): boolean {
    const message = messageSchema.safeParse(parseJson(text)).data;
    if (message === undefined) return false;
    const { type, sessionId } = message;
    const known = this.#actors.get(sessionId);
    const isActor = type === '@xstate.actor';
    this.#actors.delete(sessionId);
    this.#actors.set(sessionId, {
      from,
      actor: isActor ? text : (known?.actor ?? null),
      snapshot: type === '@xstate.snapshot' ? text : isActor ? null : (known?.snapshot ?? null),
    });
    const [oldest] = this.#actors.keys();
    if (this.#actors.size > KEPT_ACTORS && oldest !== undefined) this.#actors.delete(oldest);
    if (isActor) return true;
    this.#recent.push({ from, text });
    this.#bytes += text.length;
    while (this.#recent.length > KEPT_MESSAGES || this.#bytes > KEPT_BYTES)
      this.#bytes -= this.#recent.shift()?.text.length ?? 0;
    return true;
  }

  /** A client is gone, and what it showed with it. */
  forget(client: WebSocket): void {
    for (const [sessionId, { from }] of this.#actors) if (from === client) this.#actors.delete(sessionId);
    this.#recent = this.#recent.filter(({ from }) => from !== client);
    this.#bytes = this.#recent.reduce((sum, { text }) => sum + text.length, 0);
  }

  /** Actors first, each with its newest snapshot where that is not among the newest messages. */
  all(): string[] {
    const recent = this.#recent.map(({ text }) => text);
    const actors = [...this.#actors.values()].flatMap(({ actor, snapshot }) => {
      const older = snapshot !== null && !recent.includes(snapshot) ? [snapshot] : [];
      return actor === null ? older : [actor, ...older];
    });
    return [...actors, ...recent];
  }
}
