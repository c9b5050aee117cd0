import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { apply, type Change } from '../../src/dashboard/delta.js';
import { Feed } from '../../src/dashboard/feed.js';
import { until } from '../support/pool.js';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(feed: Feed): Promise<number> {
  const server = createServer((request, response) => {
    feed.add(response, {}, request.headers['last-event-id'] as string | undefined);
  }).listen(0, '127.0.0.1');
  open.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

interface Event {
  id: string;
  name: string;
  data: unknown;
}

/** Follows the stream as a page does. */
async function follow(port: number, lastId?: string) {
  const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
  const response = await new Promise<IncomingMessage>((resolve) =>
    get({ port, host: '127.0.0.1', headers }, resolve),
  );
  const events: Event[] = [];
  let rest = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const fields = new Map(part.split('\n').map((line) => line.split(/: (.*)/s) as [string, string]));
      const data: unknown = JSON.parse(fields.get('data') ?? '');
      events.push({ id: fields.get('id') ?? '', name: fields.get('event') ?? '', data });
    }
  });
  response.on('error', () => {});
  return { response, events };
}

test('a page gets the whole once and then what changes', async () => {
  const feed = new Feed(() => 0);
  feed.publish({ a: 1, b: { c: 2 } });
  const { events } = await follow(await serve(feed));
  await until(() => events.length === 1, 'the first event', 5_000);
  feed.publish({ a: 1, b: { c: 3 } });
  await until(() => events.length === 2, 'the second event', 5_000);
  expect(events.map(({ name, data }) => [name, data])).toEqual([
    ['whole', { a: 1, b: { c: 2 } }],
    ['delta', [[['b', 'c'], 3]]],
  ]);
});

test('a page that comes back with its last id gets the difference; with an unknown id the whole', async () => {
  const feed = new Feed(() => 0);
  const port = await serve(feed);
  feed.publish({ n: 1, same: 'x' });
  const first = await follow(port);
  await until(() => first.events.length === 1, 'the first event', 5_000);
  first.response.destroy();
  await until(() => feed.readers === 0, 'the page is gone', 5_000);
  feed.publish({ n: 2, same: 'x' });
  feed.publish({ n: 3, same: 'x' });
  const back = await follow(port, first.events[0]!.id);
  const stranger = await follow(port, 'another-1');
  await until(() => back.events.length === 1 && stranger.events.length === 1, 'both', 5_000);
  expect(back.events[0]).toMatchObject({ name: 'delta', data: [[['n'], 3]] });
  expect(stranger.events[0]).toMatchObject({ name: 'whole', data: { n: 3, same: 'x' } });
});

test('a reader that does not read costs a bounded buffer, and then gets one delta over all that it missed', async () => {
  const feed = new Feed(() => 0);
  const port = await serve(feed);
  // Large, and all of it new each time, so that the network's own buffers are soon full.
  const value = (n: number) => ({
    n,
    text: Array.from({ length: 2_000 }, (_, i) => `${n}-${i}-${'x'.repeat(50)}`),
  });
  const size = JSON.stringify(value(1)).length;
  feed.publish(value(0));
  const { response, events } = await follow(port);
  await until(() => events.length === 1, 'the first event', 5_000);
  response.pause();
  let most = 0;
  for (let n = 1; n <= 300; n++) {
    feed.publish(value(n));
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, feed.waiting);
  }
  // At most the one event in flight (paths and quotes make it longer than the value).
  expect(most).toBeLessThan(2 * size + 100_000);
  response.resume();
  feed.publish(value(301));
  await until(
    () => {
      feed.publish(value(301));
      const list = events.slice(1).map(({ data }) => data as Change[]);
      const now = list.reduce<object>((at, change) => apply(at, change), events[0]!.data as object);
      return 'n' in now && now.n === 301;
    },
    'it has caught up',
    10_000,
  );
  expect(events.length).toBeLessThan(250);
});

test('closing ends every stream', async () => {
  const feed = new Feed(() => 0);
  const { response } = await follow(await serve(feed));
  const ended = new Promise((resolve) => response.once('end', resolve));
  response.resume();
  feed.close();
  await ended;
});
