import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openScenario } from '../../src/simulator/open/scenario.js';
import { simulate } from '../../src/simulator/run/simulate.js';
import { parseTrace, streamTrace } from '../../src/simulator/traces/read.js';
import { mergeRequests } from '../../src/simulator/workload/merge.js';
import { seededRandom } from '../../src/simulator/workload/random.js';
import { firstSeconds, parseRateSeries, seriesRequests } from '../../src/simulator/workload/rate-series.js';
import { parseTokenCdfs, TokenTable } from '../../src/simulator/workload/token-cdf.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-loads-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const write = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const ten = new TokenTable([[1, 10]]);

describe('traces by columns', () => {
  it('BurstGPT: seconds, request and response tokens, whatever else stands there', async () => {
    const { rows } = await parseTrace(
      [
        'Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type',
        '5,ChatGPT,472,18,490,Conversation log',
        '45.5,GPT-4,1087,230,1317,API log',
      ],
      'burstgpt',
    );
    expect(rows).toEqual([
      { atSeconds: 0, isl: 472, osl: 18 },
      { atSeconds: 40.5, isl: 1087, osl: 230 },
    ]);
  });

  it('BurstGPT: answers of no token, as failed ones have, are named or counted', async () => {
    const lines = ['Timestamp,Request tokens,Response tokens', '1,5,0', '2,5,6'];
    await expect(parseTrace(lines, 'burstgpt')).rejects.toThrow(
      /trace:2: expected Response tokens to be at least 1 token, got "0"/,
    );
    expect(await parseTrace(lines, 'burstgpt', { skipBad: true })).toMatchObject({ skipped: 1 });
  });

  it('Vidur: arrived_at and both lengths, in any order of columns', async () => {
    const lines = ['num_prefill_tokens,num_decode_tokens,arrived_at', '100,20,0.5', '200,30,1.75'];
    const { rows } = await parseTrace(lines, 'vidur');
    expect(rows.at(-1)).toEqual({ atSeconds: 1.25, isl: 200, osl: 30 });
    await expect(parseTrace(['a,b', '1,2'], 'vidur')).rejects.toThrow(
      /trace:1: expected a Vidur header with a column "arrived_at", got "a,b"/,
    );
    await expect(parseTrace([...lines, '1,2'], 'vidur')).rejects.toThrow(
      /trace:4: expected 3 columns, got 2/,
    );
  });

  it('stream the same rows as they read, with the same errors', async () => {
    const lines = ['num_prefill_tokens,num_decode_tokens,arrived_at', '100,20,0.5', '200,30,x', '7,8,3'];
    const path = write('v.csv', lines.join('\r\n'));
    const stream = streamTrace(path, 'vidur', { skipBad: true });
    const read = await parseTrace(lines, 'vidur', { skipBad: true });
    expect([...stream.rows]).toEqual(read.rows);
    expect(stream.facts().skipped).toBe(1);
    expect(() => [...streamTrace(path, 'vidur').rows]).toThrow(/v\.csv:3: expected arrived_at .* got "x"/);
    expect(() => streamTrace(join(folder, 'none'), 'vidur')).toThrow(/expected a trace file at/);
    expect(() => streamTrace(folder, 'vidur')).toThrow(/expected a trace file at/);
  });
});

describe('a rate series', () => {
  const draw = (options: { dispersion?: number; seed?: number; speed?: number } = {}) => {
    const rate = [
      { atSeconds: 100, rps: 20 },
      { atSeconds: 1100, rps: 60 },
    ];
    return [...seriesRequests({ level: 'high', rate, tokens: { isl: ten, osl: ten }, seed: 1, ...options })];
  };
  const perSecond = (at: readonly number[]) => {
    const counts = new Array<number>(1000).fill(0);
    for (const seconds of at) counts[Math.floor(seconds)]!++;
    return counts;
  };
  /** Mean of (count - rate)^2 / rate: the index of dispersion about the known rate. */
  const dispersionOf = (counts: readonly number[]) =>
    counts.reduce((sum, count, k) => sum + (count - 20.02 - 0.04 * k) ** 2 / (20.02 + 0.04 * k), 0) /
    counts.length;

  it('ends where its reader stops, and holds points that stand still or jump', () => {
    const rate = [
      { atSeconds: 0, rps: 50 },
      { atSeconds: 2.5, rps: 50 },
      { atSeconds: 2.5, rps: 0 },
      { atSeconds: 4, rps: 0 },
      { atSeconds: 4, rps: 50 },
      { atSeconds: 6, rps: 50 },
    ];
    const load = { level: 'high', rate, tokens: { isl: ten, osl: ten }, seed: 3 };
    const all = [...seriesRequests(load)].map(({ atSeconds }) => atSeconds);
    expect(all.filter((at) => at >= 2.5 && at < 4)).toEqual([]);
    expect(all.filter((at) => at < 2.5).length).toBeGreaterThan(60);
    expect(all.filter((at) => at >= 4).length).toBeGreaterThan(40);
    const requests = seriesRequests(load);
    for (const { atSeconds } of requests) {
      expect(atSeconds).toBe(all[0]);
      break;
    }
    expect(requests.next()).toEqual({ value: undefined, done: true });
  });

  it('draws its rate by seed, from its first point on', () => {
    const at = draw().map(({ atSeconds }) => atSeconds - 100);
    // 40 requests/s on average over 1,000 s: 40,000, of deviation 200.
    expect(Math.abs(at.length - 40_000)).toBeLessThan(1000);
    expect(at.filter((seconds) => seconds < 500).length / at.length).toBeCloseTo(15 / 40, 1);
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(draw()).toEqual(draw());
    expect(draw({ seed: 2 })).not.toEqual(draw());
    expect(at[0]).toBeGreaterThanOrEqual(0);
    expect(draw({ speed: 10 }).at(-1)!.atSeconds).toBeLessThanOrEqual(110);
    expect(dispersionOf(perSecond(at))).toBeGreaterThan(0.85);
    expect(dispersionOf(perSecond(at))).toBeLessThan(1.15);
  });

  it('is as bursty as its index of dispersion says, at the same mean', () => {
    const at = draw({ dispersion: 13 }).map(({ atSeconds }) => atSeconds - 100);
    expect(dispersionOf(perSecond(at))).toBeGreaterThan(10);
    expect(dispersionOf(perSecond(at))).toBeLessThan(16);
    // The deviation of the count grows by the root of 13.
    expect(Math.abs(at.length - 40_000)).toBeLessThan(3600);
  });

  it.each([
    ['a,b\n1,2', /s:1: expected a header with one of t_seconds/],
    ['t_seconds,rpm\n0,5', /expected at least two points, got 1/],
    ['t_seconds,rpm\n0,5\n-1,5', /s:3: expected a time of at least 0, in order, got "-1"/],
    ['t_seconds,rps\n0,5\n1,x', /s:3: expected a rate of at least 0, at most 1000000 requests.s, got "x"/],
    [
      't_seconds,rps\n0,5\n1,1e300',
      /s:3: expected a rate of at least 0, at most 1000000 requests.s, got "1e300"/,
    ],
  ])('refuses %j with line and reason', (text, message) => {
    expect(() => parseRateSeries(text, 's')).toThrow(message);
  });

  it('is cut at any second, between its points too', () => {
    const points = parseRateSeries('t_seconds,rps\n100,10\n200,20\n300,20\n', 's');
    expect(firstSeconds(points, 50)).toEqual([
      { atSeconds: 100, rps: 10 },
      { atSeconds: 150, rps: 15 },
    ]);
    expect(firstSeconds(points, 100)).toEqual(points.slice(0, 2));
    expect(firstSeconds(points, Number.POSITIVE_INFINITY)).toEqual(points);
  });

  it('reads requests per minute as per second', () => {
    expect(parseRateSeries('t_seconds,rpm_mid,rpm_lo\n217,120,0\n650,60,0\n', 's')).toEqual([
      { atSeconds: 217, rps: 2 },
      { atSeconds: 650, rps: 1 },
    ]);
  });
});

describe('token CDFs', () => {
  it('draw lengths between their points', () => {
    const text = JSON.stringify({
      input: {
        code: [
          [0, 100, 0, 0],
          [50, 200, 0, 0],
          [100, 1000, 0, 0],
        ],
      },
      output: {
        code: [
          [50, 10],
          [100, 10],
        ],
      },
    });
    const { isl, osl } = parseTokenCdfs(text, 't', 'code');
    // Half of them evenly from 100 to 200, half from 200 to 1000.
    expect(isl.mean).toBeCloseTo((150 + 600) / 2, -1);
    const random = seededRandom(1);
    const draws = Array.from({ length: 1000 }, () => isl.draw(random));
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...draws)).toBeLessThanOrEqual(1000);
    expect(osl.draw(random)).toBeGreaterThanOrEqual(1);
  });

  it.each([
    ['x', /t: expected JSON/],
    ['{}', /t: input: /],
    [
      '{"input":{"chat":[[0,1],[100,2]]},"output":{"chat":[[0,1],[100,2]]}}',
      /t: expected a kind of chat, got "code"/,
    ],
    [
      '{"input":{"code":[[50,1],[10,2]]},"output":{"code":[[0,1],[1,2]]}}',
      /input\.code: expected rising percents/,
    ],
  ])('refuse %s', (text, message) => {
    expect(() => parseTokenCdfs(text, 't', 'code')).toThrow(message);
  });
});

it('loads are merged by time, and none is read further than needed', () => {
  let read = 0;
  function* endless() {
    for (;;) yield { atSeconds: read++, isl: 1, osl: 1, level: 'a' };
  }
  const merged = mergeRequests([endless(), [{ atSeconds: 1.5, isl: 1, osl: 1, level: 'b' }]]);
  const levels: (string | undefined)[] = [];
  for (const { level } of merged) {
    levels.push(level);
    if (levels.length === 4) break;
  }
  expect(levels).toEqual(['a', 'a', 'b', 'a']);
  expect(read).toBeLessThan(6);
});

describe('a scenario', () => {
  const scenario = `
config: {pools: {medium: {cost_optimization: true}, high: {}}}
seed: 3
duration_seconds: 60
cold_start_seconds: 7
arrivals:
  - {level: medium, rate: [[0, 2], [60, 4]], isl: {median: 500}, osl: {median: 20}}
  - {trace: v.csv, format: vidur, mix: high=1, rate_scale: 2}
faults:
  - {kind: worker_death, pool: medium, at_seconds: 30}
`;

  it('opens what it names and runs', () => {
    write('v.csv', 'num_prefill_tokens,num_decode_tokens,arrived_at\n100,20,0.5\n200,30,1.75\n');
    const { options } = openScenario(write('s.yaml', scenario));
    expect(options.config.pools.medium).toMatchObject({
      costOptimization: true,
      engine: { coldStartSeconds: 7 },
    });
    expect(options.faults).toEqual([{ kind: 'worker_death', atSeconds: 30, pool: 'medium', noticed: false }]);
    const { pools, wallSeconds } = simulate(options);
    expect(wallSeconds).toBeGreaterThanOrEqual(60);
    expect(pools.high?.tally).toMatchObject({ requests: 4, completed: 4 });
    expect(pools.medium?.tally.requests).toBeGreaterThan(120);
    expect(pools.medium?.tally.lost).toBe(0);
  });

  it('keeps the times of rate points however lengths are given; a series begins with it', () => {
    write('r.csv', 't_seconds,rps\n3600,5\n4200,5\n');
    const rate = 'rate: [[3600, 5], [4200, 5]]';
    const medians = 'isl: {median: 10}, osl: {median: 2}';
    const quantiles = 'isl: {quantiles: [[1, 10], [100, 100]]}, osl: {median: 2}';
    const firstOf = (load: string) => {
      const text = `arrivals:\n  - {level: medium, ${load}}\n`;
      for (const { atSeconds } of openScenario(write('t.yaml', text)).options.requests) return atSeconds;
      return Number.NaN;
    };
    for (const load of [medians, quantiles, `${quantiles}, dispersion: 3`]) {
      const at = firstOf(`${rate}, ${load}`);
      expect(at).toBeGreaterThanOrEqual(3600);
      expect(at).toBeLessThan(3610);
    }
    expect(firstOf(`series: r.csv, ${quantiles}`)).toBeLessThan(10);
  });

  it.each([
    ['arrivals: []', /s\.yaml:1:1: arrivals: /],
    [
      'seed: 1\narrivals:\n  - {level: high}',
      /s\.yaml:3:\d+: arrivals\[0\]: expected one of trace, rate, series and week/,
    ],
    ['arrivals:\n  - {trace: v.csv}', /arrivals\[0\]: expected format beside trace/],
    [`${scenario}  - {kind: fire, pool: medium, at_seconds: 1}`, /s\.yaml:11:\d+: faults\[1\]\.kind: /],
    [
      `${scenario}  - {kind: worker_death, pool: gold, at_seconds: 1}`,
      /expected a pool of medium, high, got gold/,
    ],
    [
      scenario.replace('[60, 4]', '[60, 4], [30, 2]'),
      /s\.yaml:7:\d+: arrivals\[0\]\.rate\[2\]: expected points in order of time, got 30 s after 60 s/,
    ],
    [
      scenario.replace('median: 500', 'median: 500, min: 5000, max: 10'),
      /s\.yaml:7:\d+: arrivals\[0\]\.isl\.min: expected at most max, which is 10, got 5000/,
    ],
    [
      `${scenario}  - {kind: slow_gpu, pool: medium, at_seconds: 1, factor: 0.5, for_seconds: 9}`,
      /s\.yaml:11:\d+: faults\[1\]\.factor: expected at least 1/,
    ],
    [scenario.replace('high: {}', 'high: {minworkers: 1}'), /s\.yaml:config/],
  ])('that is wrong is refused with file, line and path: %#', (text, message) => {
    expect(() => openScenario(write('s.yaml', text))).toThrow(message);
  });
});
