import type { Logger } from 'pino';
import type { WebSocket } from 'ws';
import { plannerMachine } from '../../../machines/planner.js';
import type { Step } from './step.js';

/** The release of @statelyai/inspect whose events these are. */
const VERSION = '0.7.2';
const RETRY_MS = 1_000;
/** While so much waits for the network, what comes is left out: a planner never waits for who watches it. */
const MOST_WAITING_BYTES = 1 << 20;

/** What happened to a planner, as far as it is shown. */
export interface SeenEvent {
  type: string;
  /** Unix ms. */
  now: number;
}

/**
 * Shows one planner to Stately's inspector: a client of a relay that speaks the protocol of @statelyai/inspect. Each event
 * becomes an `@xstate.event` and an `@xstate.snapshot`; each connection begins with the `@xstate.actor`. Source: createInspector.ts
 * and webSocket.ts of @statelyai/inspect. Never throws: who watches must not harm.
 */
export class Inspection {
  readonly #name: string;
  readonly #definition = JSON.stringify(plannerMachine.config, withoutCode);
  #socket: WebSocket | undefined;
  #newest: object | undefined;
  #count = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #warned = false;

  /** @param url of the relay; @param sessionId this planner's, of its process */
  constructor(
    private readonly url: string,
    private readonly sessionId: string,
    pool: string,
    private readonly log: Logger,
  ) {
    this.#name = `planner ${pool}`;
    void this.#connect();
  }

  /**
   * An event, and where the planner is after it. A look of the fast loop that decided nothing is left out: shown each time
   * they would be most of what is shown, and cost a planner a tenth of its time. A plan that changes nothing is the
   * snapshot alone, which names its event.
   */
  see(event: SeenEvent, { snapshot, record, decision, numbers = {} }: Step): void {
    const first = this.#newest === undefined;
    if (event.type === 'TICK' && decision === null && !first) return;
    const { pool, state, memory, why } = snapshot;
    const context = { pool, why, numbers, memory };
    this.#newest = { status: 'active', value: state, context, children: {}, historyValue: {}, tags: [] };
    if (first) this.#announce();
    if (record !== null || first || event.type !== 'TICK')
      this.#send({ type: '@xstate.event', event, sourceId: undefined });
    this.#send({ type: '@xstate.snapshot', event, snapshot: this.#newest });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.close();
  }

  async #connect(): Promise<void> {
    // Loaded only when it is asked for.
    const { WebSocket } = await import('ws');
    if (this.#closed) return;
    const socket = new WebSocket(this.url, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('open', () => {
      this.log.info({ url: this.url }, 'shown to an inspector');
      this.#warned = false;
      this.#announce();
    });
    socket.on('error', (error) => {
      if (!this.#warned) this.log.warn({ url: this.url, err: error }, 'no inspector there: trying again');
      this.#warned = true;
    });
    socket.on('close', () => {
      if (this.#closed) return;
      this.#retry = setTimeout(() => void this.#connect(), RETRY_MS);
      this.#retry.unref();
    });
  }

  #announce(): void {
    if (this.#newest === undefined) return;
    this.#send({
      type: '@xstate.actor',
      name: this.#name,
      definition: this.#definition,
      parentId: undefined,
      snapshot: this.#newest,
    });
  }

  #send(event: object): void {
    const socket = this.#socket;
    if (socket === undefined || socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > MOST_WAITING_BYTES) return;
    const { sessionId } = this;
    const id = `${sessionId}:${this.#count++}`;
    const base = { sessionId, rootId: sessionId, id, createdAt: String(Date.now()), _version: VERSION };
    socket.send(JSON.stringify({ ...base, ...event }));
  }
}

/** Functions of a definition are told by their name. */
function withoutCode(_key: string, value: unknown): unknown {
  return typeof value === 'function' ? { type: value.name } : value;
}
