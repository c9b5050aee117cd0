import { SluiceError } from '../../src/contract/errors.js';
import { Generator } from '../gateway/generator.js';
import { cpuSeconds } from '../gateway/process.js';
import { engineSpeed, type Side, setUp } from '../gateway/sides.js';
import { type Spread, spread } from '../support/stats.js';
import { Pages } from './pages.js';
import type { PagesRead } from './types.js';

export interface CostOptions {
  /** Many short ones: whatever else the machine does moves a load's CPU time by more than the pages cost. */
  rounds: number;
  /** Of one load at the rate. */
  seconds: number;
  /** Requests a second. */
  rate: number;
  pages: number;
  note: (line: string) => void;
}

/** A load without and with the pages, by round; costs are shares of the throughput without, 0..1. */
export interface CostFigures {
  /** Gateway's CPU ms for one request at the rate. */
  cpuMsWithout: Spread;
  cpuMsWith: Spread;
  /** 1 - without / with: so much fewer requests does a core of the gateway carry. */
  cpuShare: Spread;
  /** Requests a second of the whole machine at its limit. */
  limitWithout: Spread;
  limitWith: Spread;
  limitShare: Spread;
  /** Requests a second that were served of those asked for, the least of all rounds. */
  served: number;
  failed: number;
  read: PagesRead[];
}

const TOKENS = 16;
/** At once, at the machine's limit. */
const LANES = 64;
const FAST = 0.02;
/** The machine's limit moves by more than pages can cost: it is told, not judged, and measured seldom. */
const LIMIT_EVERY = 5;
const LIMIT_SECONDS = 8;
const WARM_SECONDS = 15;

interface Measured {
  cpuMs: number;
  perSecond: number;
  failed: number;
  read: PagesRead | null;
}

/** The gateway under load, without and with open pages in turn. Errors: those of setting it up. */
export async function feedCost(options: CostOptions): Promise<CostFigures> {
  const { rounds, seconds, rate, note } = options;
  const setup = await setUp(null, null, note, ['high', 'medium', 'low']);
  const [generator, pages] = [await Generator.start(), await Pages.start()];
  const side = setup.sides.find(({ name }) => name === 'sluice');
  try {
    if (side === undefined) throw new SluiceError('internal', 'the benchmark has no gateway');
    await engineSpeed(setup, FAST);
    const load = { kind: 'open' as const, level: rate, seconds, seed: 1 };
    note('warming the gateway');
    await measure(side, generator, pages, { ...load, seconds: WARM_SECONDS }, 0);
    const atRate: [Measured, Measured][] = [];
    const atLimit: [Measured, Measured][] = [];
    for (let round = 0; round < rounds; round++) {
      note(`round ${round + 1} of ${rounds}: ${rate} requests/s, without and with ${options.pages} pages`);
      atRate.push(await both({ ...load, seed: 1 + round }, round));
      if (round % LIMIT_EVERY > 0) continue;
      note(`round ${round + 1} of ${rounds}: as many as go, without and with ${options.pages} pages`);
      atLimit.push(await both({ kind: 'closed', level: LANES, seconds: LIMIT_SECONDS, seed: 1 }, round));
    }
    return figures(atRate, atLimit);
  } finally {
    generator.close();
    pages.end();
    await setup.close();
  }

  /** The one that goes first changes with each round. */
  async function both(load: Load, round: number): Promise<[Measured, Measured]> {
    if (side === undefined) throw new SluiceError('internal', 'the benchmark has no gateway');
    if (round % 2 === 1) {
      const later = await measure(side, generator, pages, load, options.pages);
      return [await measure(side, generator, pages, load, 0), later];
    }
    const first = await measure(side, generator, pages, load, 0);
    return [first, await measure(side, generator, pages, load, options.pages)];
  }
}

interface Load {
  kind: 'open' | 'closed';
  level: number;
  seconds: number;
  seed: number;
}

async function measure(
  { pid, url, headers }: Side,
  generator: Generator,
  pages: Pages,
  load: Load,
  open: number,
): Promise<Measured> {
  if (open > 0) await pages.open(url, open);
  const before = cpuSeconds(pid ?? 0);
  const seen = await generator.load({ url, headers, maxTokens: TOKENS, ...load });
  const after = cpuSeconds(pid ?? 0);
  const read = open > 0 ? await pages.closeAll() : null;
  if (before === null || after === null)
    throw new SluiceError('internal', 'expected /proc to tell the CPU time of the gateway');
  return {
    cpuMs: ((after - before) * 1000) / Math.max(1, seen.completed),
    perSecond: seen.requestsPerSecond,
    failed: seen.failed,
    read,
  };
}

function figures(atRate: [Measured, Measured][], atLimit: [Measured, Measured][]): CostFigures {
  const all = [...atRate, ...atLimit].flat();
  return {
    cpuMsWithout: spread(atRate.map(([without]) => without.cpuMs)),
    cpuMsWith: spread(atRate.map(([, open]) => open.cpuMs)),
    cpuShare: spread(atRate.map(([without, open]) => 1 - without.cpuMs / open.cpuMs)),
    limitWithout: spread(atLimit.map(([without]) => without.perSecond)),
    limitWith: spread(atLimit.map(([, open]) => open.perSecond)),
    limitShare: spread(atLimit.map(([without, open]) => 1 - open.perSecond / without.perSecond)),
    served: Math.min(...atRate.flat().map(({ perSecond }) => perSecond)),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    read: all.flatMap(({ read }) => read ?? []),
  };
}
