import { afterEach, describe, expect, it } from 'vitest';
import { textOf } from '../../../src/contract/openai.js';
import { freePorts } from '../../../src/engines/openai/child.js';
import {
  asked,
  closeOpened,
  fakeServer,
  good,
  openaiEngine,
  opened,
  tokensOf,
} from '../../support/openai-engine.js';
import { until } from '../../support/pool.js';

afterEach(closeOpened);

const OTHER = JSON.stringify({ data: [{ id: 'other' }] });
const RUNNING = 'vllm:num_requests_running 5\nvllm:num_requests_waiting 0';

async function server(gets: Record<string, string | number> = {}, port = 0) {
  const opening = await fakeServer(good, gets, port);
  opened.push(opening);
  return opening;
}

async function engineOn(urls: string[], later: { ms: number } = { ms: 0 }) {
  const engine = await openaiEngine(urls, {}, { now: () => Date.now() + later.ms });
  opened.push(engine);
  return engine;
}

describe('several servers of one worker', () => {
  it('identifies a server that was down at the start once it is up, in its own dialect', async () => {
    const [port = 0] = await freePorts(1);
    const first = await server({
      '/v1/models': JSON.stringify({ data: [{ id: 'm', owned_by: 'somebody' }] }),
    });
    const engine = await engineOn([first.url, `http://127.0.0.1:${port}`]);
    const alone = engine.room(10);
    const late = await server({}, port);
    await until(() => engine.room(10) > alone, 'the second is asked too');
    await first.close();
    opened.splice(opened.indexOf(first), 1);
    await until(() => engine.room(10) === alone, 'the first is not asked any more');
    await tokensOf(engine, asked('r', 20));
    expect(late.seen[0]?.body.stream_options).toEqual({ include_usage: true, continuous_usage_stats: true });
  });

  it('starts on those that serve the model, and asks one of another model only when that has changed', async () => {
    const [right, wrong] = [await server(), await server({ '/v1/models': OTHER })];
    const engine = await engineOn([wrong.url, right.url]);
    const alone = engine.room(10);
    for (let i = 0; i < 4; i++) expect(textOf(await tokensOf(engine, asked(`r${i}`, 20)))).toBe('fine');
    expect([wrong.seen.length, right.seen.length]).toEqual([0, 4]);
    wrong.gets['/v1/models'] = JSON.stringify({ data: [{ id: 'm' }] });
    await until(() => engine.room(10) > alone, 'it is asked');
  });

  it('does not start where each serves another model, and says so at once', async () => {
    const urls = [(await server({ '/v1/models': OTHER })).url, (await server({ '/v1/models': 401 })).url];
    const startedMs = Date.now();
    await expect(openaiEngine(urls, { startTimeoutSeconds: 60 })).rejects.toThrow(
      /did not start: .*: serves other, expected m; .*: \/v1\/models: expected a list of models, got status 401/,
    );
    expect(Date.now() - startedMs).toBeLessThan(10_000);
  });
});

describe('a path that answers 404', () => {
  it('is asked for again as long as the server is not healthy', async () => {
    const [ready, starting] = [await server(), await server({ '/health': 503 })];
    const engine = await engineOn([ready.url, starting.url]);
    starting.gets['/metrics'] = RUNNING;
    starting.gets['/health'] = '';
    await until(() => engine.load().runningSequences === 5, 'its load is read');
  });

  it('is asked for again half a minute later where it is healthy', async () => {
    const later = { ms: 0 };
    const late = await server({ '/health': 404 });
    const engine = await engineOn([late.url], later);
    await until(() => engine.room(10) > 0, 'it is asked');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    late.gets['/metrics'] = RUNNING;
    late.gets['/health'] = 503;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(engine.load().runningSequences).toBe(0);
    expect(engine.room(10)).toBeGreaterThan(0);
    later.ms = 31_000;
    await until(() => engine.load().runningSequences === 5, 'its load is read');
    await until(() => engine.room(10) === 0, 'its health is read');
  });
});
