import { afterAll, beforeAll, expect, it } from 'vitest';
import { CapacityModel } from '../../src/gateway/admission/capacity.js';
import { eventsOf, post } from '../gateway/support.js';
import { until } from '../support/pool.js';
import { sleep, TestSystem } from '../support/system.js';

const SECONDS = 8;
/** Output lengths lie evenly between these. */
const [SHORTEST, LONGEST] = [40, 200];
const TOKENS = (SHORTEST + LONGEST) / 2;
const ISL = 8;

let system: TestSystem;
let url = '';
beforeAll(async () => {
  system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.replace('max_workers: 2', 'max_workers: 1').concat('\ngateway:\n  port: 0\n'),
  );
  await until(async () => (await system.gateways()).length === 1, 'a gateway');
  url = (await system.gateways())[0]!.url;
  await system.ready('high', 1);
});
afterAll(() => system.close());

interface Told {
  status: number;
  /** Until the first event, or until a refusal; ms. */
  afterMs: number;
  /** Mean gap between tokens, ms. */
  itlMs: number;
  retryAfter: number | null;
}

let asked = 0;
/** Sends a request of its own, or the same again. */
async function ask(which = asked++): Promise<Told & { which: number }> {
  const tokens = SHORTEST + ((which * 67) % (LONGEST - SHORTEST + 1));
  const body = { prompt: `question ${which}`, max_tokens: tokens, slo_level: 'high', stream: true };
  const from = performance.now();
  const response = await post(`${url}/v1/completions`, body);
  if (response.status !== 200) {
    await response.text();
    const retryAfter = Number(response.headers.get('retry-after'));
    return { which, status: response.status, afterMs: performance.now() - from, itlMs: 0, retryAfter };
  }
  let first = 0;
  let last = 0;
  for await (const { data } of eventsOf(response)) {
    if (data === '[DONE]') break;
    last = performance.now();
    first ||= last;
  }
  return {
    which,
    status: 200,
    afterMs: first - from,
    itlMs: (last - first) / (TOKENS - 1),
    retryAfter: null,
  };
}

it('at twice the capacity `high` keeps its SLO, and who is refused is told at once when to come again, and is taken then', async () => {
  const pool = system.config.pools.high!;
  const model = new CapacityModel(pool).of({ isl: ISL, maxTokens: TOKENS }, { isl: ISL, osl: TOKENS });
  const everyMs = 1000 / (2 * model.rps);
  // The pool has seen requests of this kind.
  await Promise.all(Array.from({ length: 8 }, () => ask()));
  await sleep(2_500);

  const fresh: Promise<Told & { which: number }>[] = [];
  const again: Promise<Told>[] = [];
  for (const endAt = performance.now() + SECONDS * 1000; performance.now() < endAt; ) {
    const one = ask();
    fresh.push(one);
    one.then((told) => {
      if (told.status !== 429) return;
      again.push(sleep(told.retryAfter! * 1000).then(() => ask(told.which)));
    });
    await sleep(everyMs);
  }
  const first = await Promise.all(fresh);
  const refused = first.filter(({ status }) => status === 429);
  await until(() => again.length === refused.length, 'all are sent again');
  const second = await Promise.all(again);
  const taken = [...first, ...second].filter(({ status }) => status === 200);
  const inTime = taken.filter(
    ({ afterMs, itlMs }) =>
      afterMs <= pool.targets.ttftSeconds * 1000 && itlMs <= pool.targets.itlSeconds * 1000,
  );
  const kept = second.filter(({ status }) => status === 200);
  const figures = {
    offered: fresh.length / SECONDS / model.rps,
    admitted: first.length - refused.length,
    refused: refused.length,
    refusalP95Ms: at(
      0.95,
      refused.map(({ afterMs }) => afterMs),
    ),
    inTime: inTime.length / taken.length,
    kept: kept.length / second.length,
    longestSeconds: Math.max(...refused.map(({ retryAfter }) => retryAfter!)),
  };
  if (process.env.SLUICE_TEST_LOG) console.log(figures);
  expect(first.every(({ status }) => status === 200 || status === 429)).toBe(true);
  expect(refused.every(({ retryAfter }) => retryAfter! >= 1)).toBe(true);
  expect(refused.length, JSON.stringify(figures)).toBeGreaterThan(first.length / 4);
  expect(figures.inTime, JSON.stringify(figures)).toBeGreaterThanOrEqual(0.95);
  expect(figures.refusalP95Ms, JSON.stringify(figures)).toBeLessThan(50);
  expect(figures.kept, JSON.stringify(figures)).toBeGreaterThanOrEqual(0.9);
});

function at(q: number, values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)] ?? Number.NaN;
}
