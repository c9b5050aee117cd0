import { readFileSync } from 'node:fs';
import { type BackendFactory, createRedisBackend, type RedisClient, type WorkerOptions } from 'bullmq';
import { within } from './within.js';

type Backend = ReturnType<typeof createRedisBackend>;
/** A job's data (null: none waits), its id, and until when nothing is to be fetched. */
type Fetched = Awaited<ReturnType<Backend['moveToActive']>>;

const SETTLE = 'sluice:settle-fetch';
const settleScript = readFileSync(new URL('./lua/settle-fetch.lua', import.meta.url), 'utf8');
/** The answer to a fetch that finds no job. */
const NOTHING: Fetched = [];
/** What was sent behind a wait that is over answers with it, or its connection is gone. */
const ANSWER_MS = 1_000;

/** A fetch on its way. */
interface Sent {
  token: string;
  /** Never rejects. */
  answer: Promise<void>;
  /** Undefined: no answer yet, or none will come. */
  fetched: Fetched | undefined;
}

/**
 * Sends the fetch of the next job right behind the command that waits for one, on the same connection: when a job comes,
 * Redis answers both at once. BullMQ's own way takes three round trips, and for the marker that each fetch leaves behind
 * two more that find nothing. A fetch whose answer is lost with its connection leaves its job locked, as any does, until the
 * lock runs out.
 */
export class FetchAhead {
  /** Lock token of the fetch that the next wait may send. */
  token: string | undefined;
  #sent: Sent | undefined;
  #off = false;
  #prepared: Promise<void> | undefined;
  #connection: unknown;
  /** Of the blocking connection, for CLIENT UNBLOCK. */
  #clientId: unknown;

  /** Makes the backend of one BullMQ worker. */
  readonly factory: BackendFactory<Backend> = (name, options: WorkerOptions, flags) => {
    const backend = createRedisBackend(name, options, flags);
    const { moveToActive, waitForJob, disconnectBlocking, reconnectBlocking } = backend;
    backend.moveToActive = async (token, worker) =>
      this.#taken(token) ?? moveToActive.call(backend, token, worker);
    backend.waitForJob = async (seconds) => {
      this.#prepared ??= this.#prepare(backend, options.name);
      await this.#prepared;
      const marker = await waitForJob.call(backend, seconds);
      const sent = this.#sent;
      if (sent === undefined) return marker;
      await within(sent.answer, ANSWER_MS);
      // A job that came without a marker, or before the time that a marker names, is not left lying.
      return sent.fetched?.[0] ? { member: '0', score: 0 } : marker;
    };
    backend.disconnectBlocking = async (wait) => {
      this.#off = true;
      await this.#callBack(backend);
      await disconnectBlocking.call(backend, wait);
    };
    backend.reconnectBlocking = async () => {
      await reconnectBlocking.call(backend);
      this.#off = false;
    };
    return backend;
  };

  /** Lets each wait of the blocking connection be followed by a fetch. */
  async #prepare(backend: Backend, worker: string | undefined): Promise<void> {
    const client = await backend.blockingClient;
    if (client === undefined) return;
    client.defineCommand(SETTLE, { numberOfKeys: 4, lua: settleScript });
    const { marker, wait, prioritized, active } = backend.keys;
    const runCommand = (name: string, args: unknown[]) => {
      const answer = client.runCommand(name, args);
      const settled = [marker, wait, prioritized, active, backend.toKey(''), this.token];
      client.runCommand(SETTLE, settled).catch(() => {});
      return answer;
    };
    // The same backend, whose commands go by the blocking connection, each with what settles it.
    const context: object = Reflect.get(backend, 'queue');
    const queue = Object.create(context, { client: { value: Promise.resolve({ runCommand }) } });
    const blocking: Backend = Object.create(backend, { queue: { value: queue } });
    const fetch = Object.getPrototypeOf(backend).moveToActive;
    const bzpopmin = client.bzpopmin.bind(client);
    client.bzpopmin = (key, seconds) => {
      this.#identify(client);
      const answer = bzpopmin(key, seconds);
      const { token } = this;
      this.#sent =
        token === undefined || this.#off
          ? undefined
          : this.#send(backend, token, Reflect.apply(fetch, blocking, [token, worker]));
      return answer;
    };
  }

  /** What was fetched by this token; undefined: nothing was, it is to be fetched now. */
  #taken(token: string): Fetched | undefined {
    const sent = this.#sent;
    if (sent?.token !== token) return undefined;
    this.#sent = undefined;
    // It was begun when it came, not when the fetch was sent.
    if (sent.fetched?.[0]) sent.fetched[0].processedOn = Date.now();
    return sent.fetched;
  }

  #send(backend: Backend, token: string, fetch: Promise<Fetched>): Sent {
    const one: Sent = { token, fetched: undefined, answer: Promise.resolve() };
    const take = async (fetched: Fetched): Promise<void> => {
      const [job, id] = fetched;
      one.fetched = this.#off ? NOTHING : fetched;
      // Called back: the worker is to begin nothing more.
      if (this.#off && job) await backend.moveJobFromActiveToWait(id, token);
    };
    // What failed is fetched anew, by the main connection.
    one.answer = fetch.then(take).catch(() => {});
    return one;
  }

  /** A fetch under way ends the wait before it; what it brings is given back before its connection is closed. */
  async #callBack(backend: Backend): Promise<void> {
    const sent = this.#sent;
    if (sent === undefined || this.#clientId === undefined) return;
    const unblocked = call(await backend.client, 'CLIENT', 'UNBLOCK', this.#clientId);
    await within(
      unblocked.then(() => sent.answer),
      ANSWER_MS,
    );
  }

  #identify(client: RedisClient): void {
    const connection: unknown = Reflect.get(client, 'stream');
    if (connection === this.#connection) return;
    this.#connection = connection;
    this.#clientId = undefined;
    call(client, 'CLIENT', 'ID').then(
      (id) => {
        this.#clientId = id;
      },
      () => {},
    );
  }
}

/** A command that BullMQ's interface does not name. */
async function call(client: RedisClient, ...command: unknown[]): Promise<unknown> {
  return Reflect.apply(Reflect.get(client, 'call'), client, command);
}
