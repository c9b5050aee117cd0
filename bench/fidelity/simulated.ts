import type { Config } from '../../src/config/types.js';
import type { TransitionRecord } from '../../src/contract/transition.js';
import { openEngines } from '../../src/simulator/open/engines.js';
import { simulate } from '../../src/simulator/run/simulate.js';
import { floorsReadyMs, ORIGIN_MS } from '../../src/simulator/run/system.js';
import type { TimedRequest } from '../../src/simulator/workload/arrivals.js';
import { type Ended, type Side, sideOf } from './side.js';

/**
 * The same requests in virtual time. `dispatchSeconds`: from acceptance to a worker in line. Requests of the first
 * `warmUpSeconds` are served but not reported.
 */
export function simulatedRun(
  config: Config,
  requests: readonly TimedRequest[],
  dispatchSeconds: number,
  warmUpSeconds = 0,
): { side: Side; ttfts: number[]; decisions: Record<string, TransitionRecord[]> } {
  const ended: Ended[] = [];
  const decisions = Object.fromEntries(
    Object.keys(config.pools).map((pool): [string, TransitionRecord[]] => [pool, []]),
  );
  const { pools } = simulate({
    config,
    engines: openEngines(config),
    requests,
    dispatchSeconds,
    warmUpSeconds,
    onDecision: (record) => decisions[record.pool]?.push(record),
    onEnd: ({ kind, attained, osl, ttftSeconds, itlSeconds }, pool) => {
      const done = kind === 'completed';
      const itl = osl > 1 ? itlSeconds : 0;
      ended.push({
        pool,
        attained,
        ttftSeconds: done ? ttftSeconds : null,
        endToEndSeconds: done ? ttftSeconds + itl * (osl - 1) : null,
      });
    },
  });
  const beginMs = ORIGIN_MS + floorsReadyMs(config) + 1000 * warmUpSeconds;
  const orders = Object.fromEntries(
    Object.entries(pools).map(([pool, { figures }]) => [
      pool,
      [
        { atSeconds: -1, workers: figures.start.ordered ?? 0 },
        ...figures.steps.flatMap(({ atMs, ordered }) =>
          ordered === null ? [] : [{ atSeconds: (atMs - beginMs) / 1000, workers: ordered }],
        ),
      ],
    ]),
  );
  return {
    side: sideOf(ended, orders),
    ttfts: ended.flatMap(({ ttftSeconds }) => ttftSeconds ?? []),
    decisions,
  };
}
