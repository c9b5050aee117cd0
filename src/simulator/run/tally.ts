import type { LatencyFigures } from '../../contract/report.js';
import { CountSketch } from './count-sketch.js';

/** How one request ended. One object is filled again and again; take out what you keep. */
export interface JobEnd {
  kind: 'completed' | 'failed' | 'expired' | 'cancelled' | 'relegated';
  attained: boolean;
  atMs: number;
  isl: number;
  osl: number;
  /** Only of completed ones. */
  ttftSeconds: number;
  ttftPlace: number;
  itlSeconds: number;
  /** Bucket in a `CountSketch`; -1: fewer than two tokens. */
  itlPlace: number;
}

/** Up to so many samples are kept, and percentiles are exact; beyond, they are those of the sketch, within 1 %. */
const EXACT_SAMPLES = 200_000;

/** Mean and percentiles of one latency. */
class Latency {
  readonly #sketch = new CountSketch();
  #samples: number[] | null = [];
  #sum = 0;

  add(seconds: number, place: number): void {
    this.#sketch.addAt(place);
    this.#sum += seconds;
    if (this.#samples === null) return;
    if (this.#samples.length < EXACT_SAMPLES) this.#samples.push(seconds);
    else this.#samples = null;
  }

  /** The q-th quantile (0..1) by nearest rank; the samples are sorted once. */
  quantiles(): (q: number) => number | null {
    const sorted = this.#samples === null ? null : Float64Array.from(this.#samples).sort();
    return (q) => {
      if (sorted === null) return rounded(this.#sketch.quantile(q));
      const rank = Math.max(1, Math.ceil(q * sorted.length - 1e-9));
      return rounded(sorted[Math.min(rank, sorted.length) - 1] ?? null);
    };
  }

  figures(): LatencyFigures {
    const { count } = this.#sketch;
    const at = this.quantiles();
    const mean = count === 0 ? null : rounded(this.#sum / count);
    return { mean, p50: at(0.5), p80: at(0.8), p90: at(0.9), p95: at(0.95), p99: at(0.99) };
  }
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value * 1e6) / 1e6;
}

/** Counts what becomes of a pool's requests over the whole run. */
export class RunTally {
  requests = 0;
  completed = 0;
  failed = 0;
  expired = 0;
  readonly cancelled = 0;
  /** Of all: sent on to a lower level. */
  relegated = 0;
  attained = 0;
  tokens = 0;
  /** Prompt and output tokens that all requests ask for, and those of the ones that met their SLO: the weights of goodput in tokens. */
  workTokens = 0;
  attainedTokens = 0;
  readonly #ttft = new Latency();
  readonly #itl = new Latency();

  get ended(): number {
    return this.completed + this.failed + this.expired;
  }

  end(end: JobEnd): void {
    if (end.attained) {
      this.attained++;
      this.attainedTokens += end.isl + end.osl;
    }
    switch (end.kind) {
      case 'completed':
        this.completed++;
        this.tokens += end.osl;
        this.#ttft.add(end.ttftSeconds, end.ttftPlace);
        if (end.itlPlace >= 0) this.#itl.add(end.itlSeconds, end.itlPlace);
        break;
      case 'failed':
        this.failed++;
        break;
      case 'expired':
        this.expired++;
        break;
      case 'cancelled':
        break;
      case 'relegated': // it ends elsewhere, and is counted here then
        break;
    }
  }

  /** The latencies that a share (0..1) of the completed requests do not exceed, seconds; null: there are none. */
  latencyAt(share: number): { ttftSeconds: number | null; itlSeconds: number | null } {
    return { ttftSeconds: this.#ttft.quantiles()(share), itlSeconds: this.#itl.quantiles()(share) };
  }

  /** As a report wants it; what has not ended is lost. */
  result() {
    const { requests, completed, failed, expired, cancelled, relegated, attained, tokens } = this;
    const { workTokens, attainedTokens } = this;
    return {
      requests,
      completed,
      failed,
      expired,
      cancelled,
      relegated,
      lost: requests - this.ended,
      attained,
      workTokens,
      attainedTokens,
      ttftSeconds: this.#ttft.figures(),
      itlSeconds: this.#itl.figures(),
      tokens: { delivered: tokens, duplicated: 0, missing: 0 },
    };
  }
}
