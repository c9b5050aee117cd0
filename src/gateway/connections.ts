import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';

/**
 * Knows which connections of a server have a request in hand, and which requests. Node's `closeIdleConnections` leaves those open that
 * have not sent their first request yet, and those that fall idle later; a server that stops would wait for them.
 */
export class Connections {
  readonly #open = new Map<Socket, number>();
  readonly #inHand = new Set<ServerResponse>();
  #closing = false;

  constructor(server: Server) {
    // Over TLS, requests know the secured socket and not the one beneath.
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.#open.set(socket, 0);
      socket.once('close', () => this.#open.delete(socket));
    });
    server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      this.#count(socket, 1);
      this.#inHand.add(response);
      response.once('close', () => {
        this.#inHand.delete(response);
        this.#count(socket, -1);
        if (this.#closing) setImmediate(() => this.#endIdle(socket));
      });
    });
  }

  /** Resolves when the requests that are in hand now have been answered or cut. */
  async emptied(): Promise<void> {
    const ends = [...this.#inHand].map(
      (response) => new Promise<void>((resolve) => response.once('close', resolve)),
    );
    await Promise.all(ends);
  }

  /** Ends each connection as soon as it has no request in hand. */
  endAsIdle(): void {
    this.#closing = true;
    for (const socket of this.#open.keys()) this.#endIdle(socket);
  }

  #endIdle(socket: Socket): void {
    if (this.#open.get(socket) === 0) socket.destroySoon();
  }

  #count(socket: Socket, by: number): void {
    const requests = this.#open.get(socket);
    if (requests !== undefined) this.#open.set(socket, requests + by);
  }
}
