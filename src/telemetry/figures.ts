import type { LatencyFigures } from '../contract/report.js';
import { QuantileSketch } from './sketch.js';
import { COUNTERS, type Counter, SKETCH_FIELDS } from './slots.js';

/** Counts of the requests that ended in a time. */
export interface EndCounters {
  counters: Record<Counter, number>;
}

/** What is known of the requests that ended in a time, or in the whole run. */
export interface EndFigures extends EndCounters {
  ttft: QuantileSketch;
  itl: QuantileSketch;
}

/** Adds up stored hashes (HGETALL of slots, or of the totals); fields of other meaning are passed over. */
export function endFigures(hashes: readonly Record<string, string>[]): EndFigures {
  const { counters, ttft, itl } = noneEnded();
  for (const hash of hashes) {
    for (const [field, text] of Object.entries(hash)) {
      const amount = Number(text);
      if (!Number.isFinite(amount)) continue;
      const bucket = Number(field.slice(1));
      if (isCounter(field)) counters[field] += amount;
      else if (!Number.isInteger(bucket) || field.length < 2) continue;
      else if (field.startsWith(SKETCH_FIELDS.ttft)) ttft.addBucket(bucket, amount);
      else if (field.startsWith(SKETCH_FIELDS.itl)) itl.addBucket(bucket, amount);
    }
  }
  return { counters, ttft, itl };
}

/** What all of these say together. */
export function sumFigures(parts: readonly EndFigures[]): EndFigures {
  const { counters, ttft, itl } = noneEnded();
  for (const part of parts) {
    for (const name of COUNTERS) counters[name] += part.counters[name];
    ttft.merge(part.ttft);
    itl.merge(part.itl);
  }
  return { counters, ttft, itl };
}

function noneEnded(): EndFigures {
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>;
  return { counters, ttft: new QuantileSketch(), itl: new QuantileSketch() };
}

/** Requests that ended in the pool, however they did. */
export function endedCount({ counters }: EndCounters): number {
  const { completed, failed, expired, cancelled, relegated } = counters;
  return completed + failed + expired + cancelled + relegated;
}

/** 0..1 of all ended requests that met their SLO; null: none ended. */
export function attainment(figures: EndCounters): number | null {
  const ended = endedCount(figures);
  return ended === 0 ? null : Math.min(1, figures.counters.attained / ended);
}

/** Mean ISL and OSL of completed requests, tokens; null: none completed. */
export function meanLengths({ counters }: EndCounters): { isl: number | null; osl: number | null } {
  const { completed, isl, osl } = counters;
  return completed === 0 ? { isl: null, osl: null } : { isl: isl / completed, osl: osl / completed };
}

/** Mean (exact to the microsecond) and percentiles (within 1 %), seconds. */
export function latencyFigures(sketch: QuantileSketch, sumMicroseconds: number): LatencyFigures {
  const at = (q: number) => sketch.quantile(q);
  const mean = sketch.count === 0 ? null : sumMicroseconds / 1e6 / sketch.count;
  return { mean, p50: at(0.5), p80: at(0.8), p90: at(0.9), p95: at(0.95), p99: at(0.99) };
}

function isCounter(field: string): field is Counter {
  return (COUNTERS as readonly string[]).includes(field);
}
