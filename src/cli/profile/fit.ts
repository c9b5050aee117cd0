import { lawDoubts } from '../../profile/tables/doubts.js';
import { least, most } from '../../profile/tables/extent.js';
import { type FitError, type FitOptions, fitLaw } from '../../profile/tables/fit.js';
import { interpolateDecode } from '../../profile/tables/grid.js';
import { interpolatePrefill } from '../../profile/tables/prefill.js';
import { findSuspects, thinPoints } from '../../profile/tables/suspects.js';
import { type DecodeSweep, interferenceShare } from '../../profile/tables/sweep.js';
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
  /** How the decode points were measured; `promptsShare`: what of their ITL is prompts of other requests, mean, 0..1. */
  sweep: DecodeSweep & { promptsShare: number };
  /** Points that others speak against, and that there are too few of them, in words. */
  suspects: string[];
  /** What speaks against the law itself, in words: large errors, and points that it leaves out. */
  warnings: string[];
  /** To `--isl`, and to `--batch` with `--context`. */
  answers: Answer[];
}

/** What interpolation and law say of one point, seconds. */
export interface Answer {
  question: string;
  interpolatedSeconds: number;
  lawSeconds: number;
  /** Whether points were measured around it. */
  measured: boolean;
}

export interface Questions {
  /** Prompt lengths, tokens. */
  isl: readonly number[];
  /** Steady batches: sequences, and tokens of each. */
  batches: readonly { batch: number; context: number }[];
}

interface Range {
  from: number;
  to: number;
}

const NOTHING: Questions = { isl: [], batches: [] };

export function fitReport(table: MeasuredTable, options: FitOptions, questions = NOTHING): FitReport {
  const { prefill, decode } = table;
  const law = fitLaw(table, options);
  const [[a0, a1, a2], [b0, b1, b2]] = [law.ttft, law.itl];
  const suspects = findSuspects(table);
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
    sweep: { ...law.sweep, promptsShare: interferenceShare(table, law.sweep, law.ttft) },
    suspects: [
      ...thinPoints(table, options.maxBatch),
      ...suspects.prefill.values(),
      ...suspects.decode.values(),
    ],
    warnings: lawDoubts(table, law),
    answers: answersTo(table, law, questions),
  };
}

function answersTo(
  { prefill, decode }: MeasuredTable,
  { ttft: [a0, a1, a2], itl: [b0, b1, b2] }: Pick<ReturnType<typeof fitLaw>, 'ttft' | 'itl'>,
  { isl, batches }: Questions,
): Answer[] {
  const prompts = interpolatePrefill(prefill);
  const surface = batches.length === 0 ? null : interpolateDecode(decode);
  return [
    ...isl.map((n) => ({
      question: `TTFT of ${n} tokens`,
      interpolatedSeconds: prompts.ttftMs(n) / 1000,
      lawSeconds: a0 + a1 * n + a2 * n * n,
      measured: prompts.inHull(n),
    })),
    ...batches.map(({ batch, context }) => {
      const found = surface?.at((batch * context) / decode.maxKvTokens, context);
      return {
        question: `ITL of ${batch} sequences of ${context} tokens`,
        interpolatedSeconds: (found?.itlMs ?? Number.NaN) / 1000,
        lawSeconds: b0 + b1 * batch + b2 * batch * context,
        measured: found?.inHull ?? false,
      };
    }),
  ];
}

function range(values: readonly number[]): Range {
  return { from: least(values), to: most(values) };
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
    sweepText(report),
    ...report.answers.map((answer) => answerText(answer, report.sweep.promptsComputed)),
    ...report.warnings.map((text) => `warning: ${text}`),
    ...report.suspects.map((text) => `suspect: ${text}`),
    ...(report.note === null ? [] : [`note: ${report.note}`]),
  ].join('\n');
}

function sweepText({ sweep }: FitReport): string {
  if (!sweep.promptsComputed) return 'sweep: prompts were cached; a decode point is a steady batch';
  const share = `${Math.round(100 * sweep.promptsShare)} %`;
  return (
    'sweep: prompts were computed while others decoded (the throughput says so); they are ' +
    `${share} of the measured ITL on average, and no part of the law`
  );
}

function answerText(answer: Answer, promptsComputed: boolean): string {
  const { question, interpolatedSeconds, lawSeconds, measured } = answer;
  const prompts = promptsComputed && question.startsWith('ITL') ? ', prompts included' : '';
  const from = `${measured ? 'interpolated' : 'OUTSIDE what was measured, nearest point'}${prompts}`;
  return `${question}: ${ms(interpolatedSeconds)} (${from}), law ${ms(lawSeconds)}${measured ? '' : ' (extrapolated)'}`;
}

function ms(seconds: number): string {
  return `${short(1000 * seconds)} ms`;
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
