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

type Target = Exclude<keyof SloSpec, 'level'>;
const TARGETS: Readonly<Record<Target, string>> = {
  ttftSeconds: 'ttft',
  itlSeconds: 'itl',
  percentile: 'a percentile',
};

/** Reads every `--slo`; those of one level are one. Throws `invalid_request`, as for a target that stands twice. */
export function parseSlos(texts: readonly string[]): SloSpec[] {
  const byLevel = new Map<string, SloSpec>();
  for (const text of texts) {
    const spec = parseSlo(text);
    const known = byLevel.get(spec.level) ?? { level: spec.level };
    for (const target of Object.keys(TARGETS) as Target[]) {
      if (known[target] !== undefined && spec[target] !== undefined) throw twice(spec.level, target);
    }
    byLevel.set(spec.level, { ...known, ...spec });
  }
  return [...byLevel.values()];
}

function twice(level: string, target: Target): SluiceError {
  return new SluiceError(
    'invalid_request',
    `expected --slo to name ${TARGETS[target]} of ${level} once, got it twice; keep one of them`,
  );
}

/** Reads `high=ttft:300ms,itl:30ms,p95`, or a level alone. Throws `invalid_request`. */
function parseSlo(text: string): SloSpec {
  const fail = (what: string) =>
    new SluiceError('invalid_request', `expected --slo as ${FORM}: ${what}, got ${JSON.stringify(text)}`);
  const [level = '', rest, ...more] = text.split('=').map((part) => part.trim());
  if (level === '' || more.length > 0 || rest === '') throw fail('a level, then its targets');
  const spec: SloSpec = { level };
  const set = (target: Target, value: number) => {
    if (spec[target] !== undefined) throw twice(level, target);
    spec[target] = value;
  };
  for (const part of rest?.split(',') ?? []) {
    const target = /^(ttft|itl):(\d+(?:\.\d+)?)(ms|s)$/.exec(part.trim());
    const percentile = /^p(\d+(?:\.\d+)?)$/.exec(part.trim());
    if (target !== null) {
      const seconds = Number(target[2]) / (target[3] === 'ms' ? 1000 : 1);
      if (!(seconds > 0)) throw fail('targets above 0');
      set(target[1] === 'ttft' ? 'ttftSeconds' : 'itlSeconds', seconds);
    } else if (percentile !== null) {
      const value = Number(percentile[1]);
      if (!(value >= 50 && value < 100)) throw fail('a percentile from p50 to below p100');
      set('percentile', value);
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
