import { setTimeout as sleep } from 'node:timers/promises';
import { SluiceError } from '../../src/contract/errors.js';
import type { Generator } from '../gateway/generator.js';
import { cpuSeconds } from '../gateway/process.js';
import type { Side } from '../gateway/sides.js';
import type { Seen } from '../gateway/types.js';
import { type Estimate, middleMean, type Spread, spread } from '../support/stats.js';
import { type Pages, together } from './pages.js';
import type { PagesRead } from './types.js';

export interface ShareOptions {
  /** Of four blocks each: without, with, with, without the pages. */
  rounds: number;
  /** Of one block. Short: the machine's own speed drifts over ten seconds and more. */
  seconds: number;
  /** Requests a second. */
  rate: number;
  pages: number;
  maxTokens: number;
  note: (line: string) => void;
}

export interface ShareFigures {
  /** Gateway's CPU ms for one request. */
  cpuMsWithout: Spread;
  cpuMsWith: Spread;
  /** 1 - without / with, by round: so much fewer requests does a core of the gateway carry, 0..1. */
  cpuShares: Spread;
  cpuShare: Estimate;
  /** Of the whole load. */
  seen: Seen;
  read: PagesRead;
}

const ORDER = [false, true, true, false];
const WARM_MS = 15_000;
/** After pages came or went. */
const SETTLE_MS = 200;
const NOTE_EVERY = 10;
/** Longer than any run: the load is stopped when the last round is over. */
const LOAD_SECONDS = 86_400;

/**
 * What a gateway's CPU does under one steady load while pages come and go. Slow changes of the machine's speed fall out:
 * in each round the blocks with pages lie between those without. Errors: `internal` without /proc or when a process ends.
 */
export async function feedShare(
  { pid, url, headers }: Side,
  generator: Generator,
  pages: Pages,
  options: ShareOptions,
): Promise<ShareFigures> {
  const { rounds, rate, maxTokens, note } = options;
  const load = {
    url,
    headers,
    maxTokens,
    kind: 'open' as const,
    level: rate,
    seconds: LOAD_SECONDS,
    seed: 1,
  };
  const seen = generator.load(load);
  note('warming the gateway');
  await sleep(WARM_MS);
  const ms: { without: number[]; with: number[] } = { without: [], with: [] };
  const shares: number[] = [];
  const read: PagesRead[] = [];
  let open = false;
  for (let round = 0; round < rounds; round++) {
    if (round % NOTE_EVERY === 0)
      note(`round ${round + 1} of ${rounds}: ${rate} requests/s, without and with ${options.pages} pages`);
    const mine = { without: 0, with: 0 };
    for (const wanted of ORDER) {
      if (wanted && !open) await pages.open(url, options.pages);
      if (!wanted && open) read.push(await pages.closeAll());
      if (wanted !== open) await sleep(SETTLE_MS);
      open = wanted;
      const one = await block();
      const which = open ? 'with' : 'without';
      ms[which].push(one);
      mine[which] += one;
    }
    shares.push(1 - mine.without / mine.with);
  }
  await generator.stop();
  return {
    cpuMsWithout: spread(ms.without),
    cpuMsWith: spread(ms.with),
    cpuShares: spread(shares),
    cpuShare: middleMean(shares),
    seen: await seen,
    read: together(read),
  };

  /** CPU ms of the gateway for each request that completes. */
  async function block(): Promise<number> {
    const [before, from] = [cpuMs(pid), await generator.completed()];
    await sleep(options.seconds * 1000);
    const [after, to] = [cpuMs(pid), await generator.completed()];
    return (after - before) / Math.max(1, to - from);
  }
}

/** User and system. Errors: `internal` where there is no /proc. */
function cpuMs(pid: number | null): number {
  const seconds = cpuSeconds(pid ?? 0);
  if (seconds === null)
    throw new SluiceError('internal', 'expected /proc to tell the CPU time of the gateway, found none');
  return seconds * 1000;
}
