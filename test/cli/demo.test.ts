import { describe, expect, it } from 'vitest';
import { brokenPromises } from '../../src/cli/demo/promises.js';
import { Screen } from '../../src/cli/demo/screen.js';
import { DEMO_SECONDS, DEMO_SHAPES } from '../../src/cli/demo/workload.js';
import { buildReport } from '../../src/cli/report/build.js';
import { loadConfig } from '../../src/config/load.js';
import type { RunReport } from '../../src/contract/report.js';
import { openEngines } from '../../src/simulator/open/engines.js';
import { simulate } from '../../src/simulator/run/simulate.js';
import { PromptWriter } from '../../src/simulator/workload/prompts.js';
import { rateAt, shapedArrivals, shapeRequests } from '../../src/simulator/workload/shape.js';
import { testConfig } from '../support/report-config.js';

const demoConfig = loadConfig('examples/llm/configs/global_scheduler_demo.yaml');

class Paper {
  text = '';
  constructor(
    readonly isTTY: boolean,
    readonly columns = 20,
    readonly rows = 5,
  ) {}
  write(text: string) {
    this.text += text;
  }
}

describe("the demo's workload", () => {
  const prompts = new PromptWriter(1);

  it('is the same for the same seed and lasts as long as it says', () => {
    const draw = (seed: number) => shapedArrivals(DEMO_SHAPES, seed, prompts).map((a) => a.atSeconds);
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(Math.max(...draw(1))).toBeLessThanOrEqual(DEMO_SECONDS);
    for (const { rate } of DEMO_SHAPES) expect(rate.at(-1)?.atSeconds).toBe(DEMO_SECONDS);
  });

  it('has a burst and a lull for every level, and stays at a few tens of requests a second together', () => {
    const seconds = Array.from({ length: DEMO_SECONDS }, (_, k) => k);
    for (const { rate } of DEMO_SHAPES) {
      const rates = seconds.map((at) => rateAt(rate, at));
      const mean = rates.reduce((sum, rps) => sum + rps, 0) / rates.length;
      expect(Math.max(...rates)).toBeGreaterThan(2 * mean);
      const peak = rates.indexOf(Math.max(...rates));
      expect(Math.min(...rates.slice(peak))).toBeLessThan(mean / 2);
    }
    const together = seconds.map((at) => DEMO_SHAPES.reduce((sum, { rate }) => sum + rateAt(rate, at), 0));
    expect(Math.max(...together)).toBeLessThan(40);
  });
});

/** States that the planner of `high` comes to in the simulated demo, its load this much later than the planner's clock. */
function statesOfHigh(stretch: number, laterSeconds: number): string[] {
  const requests = DEMO_SHAPES.flatMap((shape) => [...shapeRequests(shape, 1, stretch)])
    .sort((a, b) => a.atSeconds - b.atSeconds)
    .map((request) => ({ ...request, atSeconds: request.atSeconds + laterSeconds }));
  const seen: string[] = [];
  simulate({
    config: demoConfig,
    engines: openEngines(demoConfig),
    requests,
    onRecord: ({ pool, from, to }) => {
      if (pool === 'high' && from !== to) seen.push(to);
    },
  });
  return seen;
}

describe("the demo's planner of high", () => {
  // Planners look once a second and size each five: where the load begins between these is chance.
  const begins = Array.from({ length: 13 }, (_, k) => Math.round(1 + k * 4) / 10);

  it.each([1, 2])(
    'is steady, scales up as load rises, protects as it bursts, and goes idle after: %d times as long',
    (stretch) => {
      for (const later of begins) {
        const seen = statesOfHigh(stretch, later);
        const burst = seen.indexOf('burstProtect');
        const before = seen.slice(0, burst);
        const when = `begun ${later} s later: ${seen.join(' ')}`;
        expect(before.slice(before.indexOf('steady')), when).toContain('scaleUp');
        expect(seen.slice(burst), when).toContain('idle');
      }
    },
  );
});

describe("the demo's promises", () => {
  const steps = (['scaleUp', 'burstProtect', 'costOptimize', 'steady'] as const).map((to) => ({
    atMs: 0,
    from: 'idle' as const,
    to,
    reason: '',
    ordered: null,
  }));
  const pools = Object.fromEntries(
    ['high', 'low'].map((name) => [
      name,
      { gpuSeconds: 1, maxGpus: 1, start: { state: 'idle' as const, ordered: 0 }, steps },
    ]),
  );
  const sound = (): RunReport => {
    const report = buildReport(testConfig, [], { pools, maxGpus: 0, seconds: 1 }, 1, false);
    for (const pool of Object.values(report.pools)) pool.requests = 1;
    return report;
  };

  it('are kept by a sound run', () => {
    expect(brokenPromises(sound(), testConfig)).toEqual([]);
  });

  it.each<[string, (report: RunReport) => void, RegExp]>([
    [
      'attainment',
      (r) => (r.pools.high!.attainment = 0.9),
      /high: 10\.0 % of requests missed their SLO, 5\.0 % allowed/,
    ],
    ['silence', (r) => (r.pools.low!.requests = 0), /low: no request was made/],
    ['budget', (r) => (r.pools.low!.maxGpus = 2), /low: held 2 GPUs, budget 1/],
    ['inventory', (r) => (r.total.maxGpus = 9), /9 GPUs were leased at once, there are 0/],
    ['loss', (r) => (r.total.lost = 1), /1 requests were lost/],
    ['tokens twice', (r) => (r.total.tokens.duplicated = 3), /3 tokens came twice/],
    ['tokens missing', (r) => (r.total.tokens.missing = 3), /3 tokens never came/],
    [
      'states',
      (r) => {
        for (const pool of Object.values(r.pools)) pool.statesVisited = ['idle', 'steady'];
      },
      /states that no pool visited: scaleUp, burstProtect, costOptimize/,
    ],
  ])('name what was broken: %s', (_, spoil, message) => {
    const report = sound();
    spoil(report);
    expect(brokenPromises(report, testConfig)).toEqual([expect.stringMatching(message)]);
  });
});

describe('the screen', () => {
  it('draws over the last block on a terminal and gives the cursor back', () => {
    const paper = new Paper(true);
    const screen = new Screen(paper);
    screen.draw(['one', 'two']);
    screen.draw(['three']);
    screen.close();
    expect(paper.text).toBe('\x1b[?25l\r\x1b[Jone\ntwo\n\x1b[2A\r\x1b[Jthree\n\x1b[?25h');
  });

  it('leaves out lines that would scroll, and tells how wide a line may be', () => {
    const paper = new Paper(true);
    const screen = new Screen(paper);
    expect(screen.width).toBe(19);
    screen.draw(['1', '2', '3', '4', '5', '6']);
    screen.close();
    expect(paper.text).toContain('\x1b[J1\n2\n3\n4\n\x1b[?25h');
  });

  it('prints blocks below each other, without codes, where there is no terminal', () => {
    const paper = new Paper(false);
    const screen = new Screen(paper);
    screen.draw(['one']);
    screen.draw(['two']);
    screen.close();
    expect(paper.text).toBe('one\n\ntwo\n\n');
  });
});
