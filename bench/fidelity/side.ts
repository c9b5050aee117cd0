/** One pool on one side. Times in seconds; null: none completed. */
export interface SidePool {
  requests: number;
  completed: number;
  attainment: number;
  ttftMean: number | null;
  endToEndP99: number | null;
  /** Orders for another number of workers, from the load's begin. */
  actions: { atSeconds: number; workers: number }[];
}

export interface Side {
  pools: Record<string, SidePool>;
  all: Pick<SidePool, 'ttftMean' | 'endToEndP99' | 'requests' | 'completed'>;
}

/** What became of one request. */
export interface Ended {
  pool: string;
  /** Null: not completed. */
  ttftSeconds: number | null;
  endToEndSeconds: number | null;
  attained: boolean;
}

/** An order that a planner gave, or repeated. */
export interface Ordered {
  atSeconds: number;
  workers: number;
}

/** `orders`: of each pool from before the load's begin on, in order of time. */
export function sideOf(ended: readonly Ended[], orders: Readonly<Record<string, readonly Ordered[]>>): Side {
  const pools = Object.entries(orders).map(([pool, given]): [string, SidePool] => {
    const own = ended.filter((one) => one.pool === pool);
    const attained = own.filter((one) => one.attained).length;
    const attainment = own.length === 0 ? 1 : attained / own.length;
    return [pool, { ...figures(own), attainment, actions: actionsOf(given) }];
  });
  return { pools: Object.fromEntries(pools), all: figures(ended) };
}

function figures(ended: readonly Ended[]): Side['all'] {
  const known = (of: (one: Ended) => number | null) =>
    ended.flatMap((one) => of(one) ?? []).sort((a, b) => a - b);
  const ttfts = known((one) => one.ttftSeconds);
  const ends = known((one) => one.endToEndSeconds);
  return {
    requests: ended.length,
    completed: ttfts.length,
    ttftMean: ttfts.length === 0 ? null : ttfts.reduce((sum, x) => sum + x, 0) / ttfts.length,
    endToEndP99: ends[Math.max(0, Math.ceil(0.99 * ends.length) - 1)] ?? null,
  };
}

function actionsOf(orders: readonly Ordered[]): Ordered[] {
  let workers = orders.findLast(({ atSeconds }) => atSeconds < 0)?.workers ?? 0;
  return orders.filter((order) => {
    if (order.atSeconds < 0 || order.workers === workers) return false;
    workers = order.workers;
    return true;
  });
}
