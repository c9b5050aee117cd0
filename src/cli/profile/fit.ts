import { type FitError, type FitOptions, fitLaw } from '../../profile/tables/fit.js';
import type { MeasuredTable } from '../../profile/tables/types.js';

/** `sluice profile fit --json`. Latencies in ms where measured, in seconds in the law, as elsewhere in Sluice. */
export interface FitReport {
  name: string;
  source: string;
  model: string | null;
  gpu: string | null;
  note: string | null;
  /** What interpolation covers: answers inside are measured, outside they are the nearest measured point. */
  range: {
    prefill: { points: number; isl: Range; ttftMs: Range };
    decode: { points: number; kvUsage: Range; contextLength: Range; itlMs: Range; maxKvTokens: number };
  };
  law: {
    /** TTFT = a0 + a1 n + a2 n^2, s. */
    ttft: { a0: number; a1: number; a2: number; error: FitError };
    /** ITL = b0 + b1 batch + b2 kvTokens, s. */
    itl: { b0: number; b1: number; b2: number; error: FitError; leftOut: number };
  };
}

interface Range {
  from: number;
  to: number;
}

export function fitReport(table: MeasuredTable, options: FitOptions): FitReport {
  const { prefill, decode } = table;
  const law = fitLaw(table, options);
  const [[a0, a1, a2], [b0, b1, b2]] = [law.ttft, law.itl];
  return {
    name: table.name,
    source: table.source,
    model: table.meta.model,
    gpu: table.meta.gpu,
    note: table.meta.note,
    range: {
      prefill: { points: prefill.isl.length, isl: range(prefill.isl), ttftMs: range(prefill.ttftMs) },
      decode: {
        points: decode.kvUsage.length,
        kvUsage: range(decode.kvUsage),
        contextLength: range(decode.contextLength),
        itlMs: range(decode.itlMs),
        maxKvTokens: decode.maxKvTokens,
      },
    },
    law: {
      ttft: { a0, a1, a2, error: law.ttftError },
      itl: { b0, b1, b2, error: law.itlError, leftOut: law.leftOut },
    },
  };
}

function range(values: readonly number[]): Range {
  return { from: Math.min(...values), to: Math.max(...values) };
}

export function renderFit(report: FitReport): string {
  const { prefill, decode } = report.range;
  const { ttft, itl } = report.law;
  const what = [report.model, report.gpu].filter((text) => text !== null).join(', ');
  return [
    `${report.name}${what === '' ? '' : ` (${what})`}: ${prefill.points} prefill and ${decode.points} decode points`,
    'interpolation (inside this range; outside, the nearest measured point answers and says so):',
    `  prefill  ISL ${span(prefill.isl)} tokens; TTFT ${span(prefill.ttftMs)} ms`,
    `  decode   KV usage ${span(decode.kvUsage)}, context ${span(decode.contextLength)} tokens; ` +
      `ITL ${span(decode.itlMs)} ms; KV cache ${decode.maxKvTokens} tokens`,
    'law (least relative error, coefficients 0 or more, s):',
    `  TTFT = ${sum([ttft.a0, ttft.a1, ttft.a2], ['', ' n', ' n^2'])}`,
    `         ${errorText(ttft.error)}`,
    `  ITL  = ${sum([itl.b0, itl.b1, itl.b2], ['', ' batch', ' kvTokens'])}`,
    `         ${errorText(itl.error)}${itl.leftOut === 0 ? '' : `; ${itl.leftOut} points of larger batches left out`}`,
    ...(report.note === null ? [] : [`note: ${report.note}`]),
  ].join('\n');
}

function span({ from, to }: Range): string {
  return `${short(from)} to ${short(to)}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function sum(coefficients: readonly number[], names: readonly string[]): string {
  return coefficients.map((value, i) => `${Number(value.toPrecision(5))}${names[i] ?? ''}`).join(' + ');
}

function errorText({ meanAbsolute, worst, points }: FitError): string {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return `mean absolute error ${percent(meanAbsolute)}, worst ${percent(worst)}, over ${points} points`;
}
