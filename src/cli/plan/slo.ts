import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';

/** What `--slo` asks of one level; what it does not name stays as configured. */
export interface SloSpec {
  level: string;
  ttftSeconds?: number;
  itlSeconds?: number;
  /** 50..99.9: that share of requests must be in time. */
  percentile?: number;
}

const FORM = 'LEVEL, or LEVEL=ttft:300ms,itl:30ms,p95';

/** Reads `high=ttft:300ms,itl:30ms,p95`, or a level alone. Throws `invalid_request`. */
export function parseSlo(text: string): SloSpec {
  const fail = (what: string) =>
    new SluiceError('invalid_request', `expected --slo as ${FORM}: ${what}, got ${JSON.stringify(text)}`);
  const [level = '', rest, ...more] = text.split('=').map((part) => part.trim());
  if (level === '' || more.length > 0 || rest === '') throw fail('a level, then its targets');
  const spec: SloSpec = { level };
  for (const part of rest?.split(',') ?? []) {
    const target = /^(ttft|itl):(\d+(?:\.\d+)?)(ms|s)$/.exec(part.trim());
    const percentile = /^p(\d+(?:\.\d+)?)$/.exec(part.trim());
    if (target !== null) {
      const seconds = Number(target[2]) / (target[3] === 'ms' ? 1000 : 1);
      if (!(seconds > 0)) throw fail('targets above 0');
      if (target[1] === 'ttft') spec.ttftSeconds = seconds;
      else spec.itlSeconds = seconds;
    } else if (percentile !== null) {
      spec.percentile = Number(percentile[1]);
      if (!(spec.percentile >= 50 && spec.percentile < 100))
        throw fail('a percentile from p50 to below p100');
    } else throw fail(`ttft, itl (with ms or s) or a percentile, not ${JSON.stringify(part.trim())}`);
  }
  return spec;
}

/** The configuration with these levels' targets. Throws `unknown_level` for one that no pool serves. */
export function withSlos(config: Config, specs: readonly SloSpec[]): Config {
  const pools = { ...config.pools };
  for (const { level, ttftSeconds, itlSeconds, percentile } of specs) {
    const pool = Object.values(pools).find((one) => one.level === level);
    if (pool === undefined) {
      const known = Object.values(pools).map((one) => one.level);
      throw new SluiceError(
        'unknown_level',
        `expected --slo to name a level of ${known.join(', ')}, got ${JSON.stringify(level)}`,
      );
    }
    pools[pool.name] = {
      ...pool,
      targets: {
        ttftSeconds: ttftSeconds ?? pool.targets.ttftSeconds,
        itlSeconds: itlSeconds ?? pool.targets.itlSeconds,
      },
      ...(percentile === undefined
        ? {}
        : {
            latencyPercentile: percentile,
            violationsAllowed: Math.round(1e6 * (1 - percentile / 100)) / 1e6,
          }),
    };
  }
  return { ...config, pools };
}
