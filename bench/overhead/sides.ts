import { setTimeout as sleep } from 'node:timers/promises';
import { Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { SluiceClient } from '../../src/scheduler/client.js';
import { BARE_QUEUE, benchConfig, POOL } from './setup.js';

/** One way of having a job done. */
export interface Side {
  name: string;
  /** Adds a request and waits for its result. */
  ask(prompt: string): Promise<void>;
  /** Adds a request to a queue that nobody serves. */
  add(prompt: string): Promise<void>;
  close(): Promise<void>;
}

/** Bare BullMQ: add, no-op processor, `waitUntilFinished`. */
export async function bareSide(redisUrl: string, queueName = BARE_QUEUE): Promise<Side> {
  const plain = () => new Redis(redisUrl, { maxRetriesPerRequest: null });
  const connection = plain();
  // BullMQ's own limit of 10,000 events can trim an end away before a busy client has read it.
  const queue = new Queue(queueName, { connection, streams: { events: { maxLen: 1_000_000 } } });
  // One listener of each job that is waited for.
  queue.setMaxListeners(0);
  const events = new QueueEvents(queueName, { connection: plain() });
  events.setMaxListeners(0);
  await events.waitUntilReady();
  // Its first read begins after it says that it is ready, and ends before that read would go unheard.
  await sleep(500);
  const data = (prompt: string) => ({ prompt, max_tokens: 16, slo_level: 'high' });
  return {
    name: 'bare BullMQ',
    async ask(prompt) {
      const job = await queue.add('request', data(prompt));
      await job.waitUntilFinished(events, 60_000);
    },
    async add(prompt) {
      await queue.add('request', data(prompt));
    },
    async close() {
      await Promise.all([events.close(), queue.close()]);
      connection.disconnect();
    },
  };
}

/** Sluice's full path: validation, routing, EDF priority, telemetry, reply bus. */
export async function sluiceSide(redisUrl: string, namespace?: string): Promise<Side> {
  const config = benchConfig();
  if (namespace !== undefined) config.namespace = namespace;
  const client = await SluiceClient.open(config, redisUrl);
  const submission = (prompt: string) => ({ prompt, max_tokens: 16, slo_level: POOL });
  return {
    name: 'Sluice',
    async ask(prompt) {
      const { done } = await client.submit(submission(prompt));
      const outcome = await done;
      if (outcome.kind !== 'completed') throw new Error(`request ${outcome.kind}: ${outcome.message}`);
    },
    async add(prompt) {
      await client.submit(submission(prompt));
    },
    close: () => client.close(),
  };
}
