import { expect } from 'vitest';
import { endOf } from '../../src/contract/openai.js';
import type { Outcome, Submission } from '../../src/contract/request.js';
import { placeholderToken } from '../../src/engines/sim/placeholder.js';
import { textHash } from '../../src/engines/sim/prompt-hashes.js';
import type { RequestHandle, SluiceClient } from '../../src/scheduler/client.js';
import { until } from './pool.js';

/** Seed of the sim engines of all test systems. */
const SEED = 1;

/** A request as its client sees it. */
export interface Asked extends RequestHandle {
  maxTokens: number;
  /** Index of each token, in the order in which they came. */
  indices: number[];
  tokens: string[];
  /** Workers that the tokens came from; empty names (read from the journal) left out. */
  workers: string[];
  outcome: Outcome | undefined;
}

/** The tokens that a sim engine makes for a request, whatever happens on the way. */
export function expectedTokens(id: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => placeholderToken(textHash(id, SEED), index));
}

export async function ask(
  client: SluiceClient,
  submission: Partial<Submission> & { max_tokens: number },
): Promise<Asked> {
  const indices: number[] = [];
  const tokens: string[] = [];
  const workers: string[] = [];
  const handle = await client.submit(
    { prompt: 'why is the sky blue', slo_level: 'high', ...submission },
    {
      onTokens: (frame) => {
        frame.tokens.forEach((token, k) => {
          indices.push(frame.index + k);
          tokens.push(token);
        });
        if (frame.workerId !== '' && !workers.includes(frame.workerId)) workers.push(frame.workerId);
      },
    },
  );
  const asked: Asked = {
    ...handle,
    maxTokens: submission.max_tokens,
    indices,
    tokens,
    workers,
    outcome: undefined,
  };
  handle.done.then(
    (outcome) => {
      asked.outcome = outcome;
    },
    () => {},
  );
  return asked;
}

/** Submits `count` requests at once, named NAME-0, NAME-1, ... */
export function askMany(
  client: SluiceClient,
  name: string,
  count: number,
  submission: Partial<Submission> & { max_tokens: number },
): Promise<Asked[]> {
  return Promise.all(
    Array.from({ length: count }, (_, k) => ask(client, { ...submission, id: `${name}-${k}` })),
  );
}

/** Waits until each of the requests has some tokens, but none has all. */
export async function streaming(asked: readonly Asked[], tokens = 5): Promise<void> {
  await until(() => asked.every((one) => one.tokens.length >= tokens), 'tokens of every request', 60_000);
}

/** Every request completed with the uninterrupted text, its client having seen each token once and in order. */
export async function expectComplete(asked: readonly Asked[], seconds = 90): Promise<void> {
  await until(
    () => asked.every((one) => one.outcome !== undefined),
    () => {
      const open = asked.filter((one) => one.outcome === undefined);
      return `the end of ${open.map((one) => `${one.id} (${one.tokens.length} of ${one.maxTokens})`).join(', ')}`;
    },
    seconds * 1000,
  );
  for (const { id, outcome, indices, tokens, maxTokens } of asked) {
    const expected = expectedTokens(id, maxTokens);
    expect(outcome, id).toMatchObject({ kind: 'completed', result: { id, text: expected.join('') } });
    // An engine that tells how it ended has the last entry for that.
    const said = endOf(tokens) === undefined ? tokens : tokens.slice(0, -1);
    expect(indices, id).toEqual([...tokens.keys()]);
    expect(said, id).toEqual(expected);
  }
}

/** Submits a request every `everyMs` until stopped. */
export class Load {
  readonly asked: Asked[] = [];
  readonly #work: Promise<void>[] = [];
  readonly #errors: unknown[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(
    client: SluiceClient,
    name: string,
    everyMs: number,
    submission: Partial<Submission> & { max_tokens: number },
  ) {
    this.#timer = setInterval(() => {
      const id = `${name}-${this.#work.length}`;
      const work = ask(client, { ...submission, id }).then((one) => void this.asked.push(one));
      this.#work.push(work.catch((error: unknown) => void this.#errors.push(error)));
    }, everyMs);
  }

  /** Ends the load. Rejects when a request was not accepted. */
  async stop(): Promise<Asked[]> {
    clearInterval(this.#timer);
    await Promise.all(this.#work);
    expect(this.#errors).toEqual([]);
    return this.asked;
  }
}
