import { SluiceError } from '../../src/contract/errors.js';
import { Generator } from '../gateway/generator.js';
import { engineSpeed, type Side, setUp } from '../gateway/sides.js';
import { type Spread, spread } from '../support/stats.js';
import { Pages } from './pages.js';
import { feedShare, type ShareFigures, type ShareOptions } from './share.js';
import type { PagesRead } from './types.js';

export type CostOptions = Omit<ShareOptions, 'maxTokens'>;

/** A gateway without and with open pages; costs are shares of the throughput without, 0..1. */
export interface CostFigures extends Omit<ShareFigures, 'seen' | 'read'> {
  /** Requests a second that were served of those asked for. */
  served: number;
  /** Requests a second of the whole machine at its limit. */
  limitWithout: Spread;
  limitWith: Spread;
  limitShare: Spread;
  failed: number;
  read: PagesRead[];
}

const MAX_TOKENS = 16;
const FAST = 0.02;
/** At once, at the machine's limit. */
const LANES = 64;
/** The machine's limit moves by more than pages can cost: it is told, not judged. */
const LIMIT_ROUNDS = 6;
const LIMIT_SECONDS = 8;

interface AtLimit {
  perSecond: number;
  failed: number;
  read: PagesRead | null;
}

/** The gateway under load, without and with open pages in turn. Errors: those of setting it up. */
export async function feedCost(options: CostOptions): Promise<CostFigures> {
  const { note } = options;
  // These two end with this process; what `setUp` starts does not, so that nothing may fail between it and `try`.
  const [generator, pages] = [await Generator.start(), await Pages.start()];
  const setup = await setUp(null, null, note, ['high', 'medium', 'low']);
  const side = setup.sides.find(({ name }) => name === 'sluice');
  try {
    if (side === undefined) throw new SluiceError('internal', 'the benchmark has no gateway');
    await engineSpeed(setup, FAST);
    const { seen, read, ...share } = await feedShare(side, generator, pages, {
      ...options,
      maxTokens: MAX_TOKENS,
    });
    const atLimit: [AtLimit, AtLimit][] = [];
    for (let round = 0; round < LIMIT_ROUNDS; round++) {
      note(`limit, round ${round + 1} of ${LIMIT_ROUNDS}: as many requests as go`);
      // The one that goes first changes with each round.
      const before = round % 2 === 0 ? await limit(side, generator, pages, 0) : null;
      const open = await limit(side, generator, pages, options.pages);
      atLimit.push([before ?? (await limit(side, generator, pages, 0)), open]);
    }
    return {
      ...share,
      served: seen.requestsPerSecond,
      limitWithout: spread(atLimit.map(([without]) => without.perSecond)),
      limitWith: spread(atLimit.map(([, open]) => open.perSecond)),
      limitShare: spread(atLimit.map(([without, open]) => 1 - open.perSecond / without.perSecond)),
      failed: atLimit.flat().reduce((sum, { failed }) => sum + failed, seen.failed),
      read: [read, ...atLimit.flat().flatMap((one) => one.read ?? [])],
    };
  } finally {
    generator.close();
    pages.end();
    await setup.close();
  }
}

async function limit(
  { url, headers }: Side,
  generator: Generator,
  pages: Pages,
  open: number,
): Promise<AtLimit> {
  if (open > 0) await pages.open(url, open);
  const load = { kind: 'closed' as const, level: LANES, seconds: LIMIT_SECONDS, seed: 1 };
  const seen = await generator.load({ url, headers, maxTokens: MAX_TOKENS, ...load });
  const read = open > 0 ? await pages.closeAll() : null;
  return { perSecond: seen.requestsPerSecond, failed: seen.failed, read };
}
