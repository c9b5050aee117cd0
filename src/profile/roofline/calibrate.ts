import { badTable } from '../tables/check.js';
import { fitLaw } from '../tables/fit.js';
import { robustFit } from '../tables/robust.js';
import { findSuspects } from '../tables/suspects.js';
import { decodePoint, furtherSteps, promptsPerGap, VLLM_SEQUENCES } from '../tables/sweep.js';
import type { MeasuredTable } from '../tables/types.js';
import { modelCosts } from './costs.js';
import type { Efficiency } from './efficiency.js';
import { findHardware, GPU_NAMES } from './hardware.js';
import { findModel, MODEL_NAMES } from './models.js';
import { type EngineDescription, type PeakTerms, peakTerms } from './terms.js';

/**
 * Efficiency factors from measured tables: all TTFT and ITL points of all tables are linear in the factors' inverses and in
 * the fixed costs, so that one robust fit of eight coefficients to the relative errors finds them. No efficiency can
 * exceed 1: what is fitted is what each term takes beyond its peak. Every table's TTFT and ITL weigh alike, whatever
 * the number of their points; suspect points are left out.
 * @throws SluiceError invalid_config for a table of an unknown model or GPU.
 */
export function calibrate(tables: readonly MeasuredTable[]): Efficiency {
  const points = tables.flatMap(pointsOf);
  const { coefficients } = robustFit(
    points.map(({ excess, measured }) => excess.map((value) => value / measured)),
    points.map(({ peak, measured }) => 1 - peak / measured),
    points.map(({ weight }) => weight),
  );
  const at = (column: keyof Columns) => coefficients[COLUMNS.indexOf(column)] ?? 0;
  return {
    frontEndSeconds: at('frontEnd'),
    gemm: 1 / (1 + at('gemm')),
    link: 1 / (1 + at('link')),
    attention: 1 / (1 + at('attention')),
    memory: 1 / (1 + at('memory')),
    perLayerSeconds: at('perLayer'),
    allReduceSeconds: at('allReduce'),
    perSequenceSeconds: at('perSequence'),
  };
}

/** The engine that a table names. @throws SluiceError invalid_config where model or GPU are unknown. */
export function engineOf(table: MeasuredTable): EngineDescription {
  const { meta, source } = table;
  const model = findModel(meta.model ?? '');
  const hardware = findHardware(meta.gpu ?? '');
  const tp = meta.decodeGpus ?? meta.prefillGpus;
  if (model === null) {
    throw badTable(source, 'meta.model', `expected one out of ${MODEL_NAMES.join(', ')}, got ${meta.model}`);
  }
  if (hardware === null) {
    throw badTable(source, 'meta.gpu', `expected one out of ${GPU_NAMES.join(', ')}, got ${meta.gpu}`);
  }
  if (tp === null) throw badTable(source, 'meta', 'expected the GPUs of an engine, got none');
  return { hardware, model, weights: /fp8/i.test(meta.model ?? '') ? 'fp8' : 'bf16', tp };
}

/** What multiplies each factor in a measured value. */
interface Columns {
  frontEnd: number;
  gemm: number;
  link: number;
  attention: number;
  memory: number;
  /** Before the all-reduces: where all tables have them, the two cannot be told apart and the layers take both. */
  perLayer: number;
  allReduce: number;
  perSequence: number;
}
const COLUMNS = [
  'frontEnd',
  'gemm',
  'link',
  'attention',
  'memory',
  'perLayer',
  'allReduce',
  'perSequence',
] as const satisfies readonly (keyof Columns)[];

interface Point {
  measured: number;
  /** At the data sheet's peaks, without any fixed cost. */
  peak: number;
  excess: number[];
  weight: number;
}

function pointsOf(table: MeasuredTable): Point[] {
  const engine = engineOf(table);
  const t = peakTerms(engine, modelCosts(engine.model, engine.weights));
  const { sweep } = fitLaw(table, { maxBatch: VLLM_SEQUENCES });
  const suspects = findSuspects(table, VLLM_SEQUENCES);
  const { prefill, decode } = table;
  const ttft = prefill.isl.flatMap((isl, i) => {
    if (suspects.prefill.has(i)) return [];
    const columns = add(step(t, 1 + furtherSteps(isl)), prompt(t, isl));
    return [{ measured: (prefill.ttftMs[i] ?? 0) / 1000, columns: { ...columns, frontEnd: 1 } }];
  });
  const itl = decode.kvUsage.flatMap((_, i) => {
    if (suspects.decode.has(i)) return [];
    const { batch, kvTokens, isl, itlMs } = decodePoint(table, i);
    const others = scale(prompt(t, isl), promptsPerGap(sweep, batch, isl));
    const columns = add(add(step(t, 1), decoding(t, batch, kvTokens)), others);
    return [{ measured: itlMs / 1000, columns }];
  });
  return [...weighed(ttft), ...weighed(itl)];
}

function weighed(points: readonly { measured: number; columns: Columns }[]): Point[] {
  return points.map(({ measured, columns }) => ({
    measured,
    peak: columns.gemm + columns.link + columns.attention + columns.memory,
    excess: COLUMNS.map((name) => columns[name]),
    weight: 1 / Math.sqrt(points.length),
  }));
}

const NONE: Columns = {
  frontEnd: 0,
  gemm: 0,
  link: 0,
  attention: 0,
  memory: 0,
  perLayer: 0,
  allReduce: 0,
  perSequence: 0,
};

function step(t: PeakTerms, steps: number): Columns {
  return scale({ ...NONE, memory: t.weights, perLayer: t.layers, allReduce: t.allReduces }, steps);
}

function prompt(t: PeakTerms, isl: number): Columns {
  return { ...NONE, gemm: t.linear * isl, link: t.wire * isl, attention: t.attention * isl * isl };
}

function decoding(t: PeakTerms, batch: number, kvTokens: number): Columns {
  return {
    ...NONE,
    gemm: (t.linear + t.head) * batch,
    link: t.wire * batch,
    memory: t.kv * kvTokens,
    perSequence: batch,
  };
}

function add(a: Columns, b: Columns): Columns {
  return mapped((name) => a[name] + b[name]);
}

function scale(a: Columns, by: number): Columns {
  return mapped((name) => a[name] * by);
}

function mapped(value: (name: keyof Columns) => number): Columns {
  const result = { ...NONE };
  for (const name of COLUMNS) result[name] = value(name);
  return result;
}
