import { robustFit } from '../tables/robust.js';
import type { StepLaw } from '../types.js';
import { type ModelCosts, modelCosts } from './costs.js';
import type { Efficiency } from './efficiency.js';
import type { ModelDimensions } from './models.js';
import { type EngineDescription, type PeakTerms, peakTerms } from './terms.js';

/**
 * The step law of an engine, from peaks and efficiency:
 *   b0 = weights / memory + layers x perLayer + allReduces x allReduce
 *   b1 = (linear + head) / gemm + wire / link + perSequence
 *   b2 = kv / memory
 *   a0 = frontEnd + b0,  a1 = linear / gemm + wire / link,  a2 = attention / attention efficiency
 * With experts the weights that a step reads grow with its batch; b0 and b1 are then a line through that (`expertLine`).
 */
export function rooflineLaw(engine: EngineDescription, e: Efficiency): StepLaw {
  const costs = modelCosts(engine.model, engine.weights);
  const t = peakTerms(engine, costs);
  const [b0, b1] = expertLine(engine.model, e, t);
  const wire = t.wire / e.link;
  return {
    ttft: [e.frontEndSeconds + b0, t.linear / e.gemm + wire, t.attention / e.attention],
    itl: [b0, b1, t.kv / e.memory],
  };
}

/** Batches at which the line is drawn. */
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** b0 and b1; their largest error over the batches is `expertLineError`. */
function expertLine(model: ModelDimensions, e: Efficiency, t: PeakTerms): readonly [number, number] {
  const { experts } = model;
  const b0 = t.weights / e.memory + fixedSeconds(e, t);
  const b1 = (t.linear + t.head) / e.gemm + t.wire / e.link + e.perSequenceSeconds;
  if (experts === null) return [b0, b1];
  const exact = BATCHES.map((batch) => decodeSeconds(model, e, t, batch));
  const { coefficients } = robustFit(
    BATCHES.map((batch, i) => [1 / (exact[i] ?? 1), batch / (exact[i] ?? 1)]),
    BATCHES.map(() => 1),
  );
  return [coefficients[0] ?? b0, coefficients[1] ?? b1];
}

/**
 * A decode step of `batch` sequences without its KV cache. Each token takes `active` of `count` experts by chance, so that
 * 1 - (1 - active / count)^batch of them are read.
 */
function decodeSeconds({ experts }: ModelDimensions, e: Efficiency, t: PeakTerms, batch: number): number {
  const read = experts === null ? 0 : 1 - (1 - experts.active / experts.count) ** batch;
  const token = (t.linear + t.head) / e.gemm + t.wire / e.link + e.perSequenceSeconds;
  return (t.weights + read * t.experts) / e.memory + fixedSeconds(e, t) + batch * token;
}

function fixedSeconds(e: Efficiency, t: PeakTerms): number {
  return t.layers * e.perLayerSeconds + t.allReduces * e.allReduceSeconds;
}

/** How far the line of a model with experts is from the decode step that it stands for: largest share, 0 for a dense one. */
export function expertLineError(engine: EngineDescription, e: Efficiency): number {
  const costs: ModelCosts = modelCosts(engine.model, engine.weights);
  const t = peakTerms(engine, costs);
  const [b0, b1] = expertLine(engine.model, e, t);
  return Math.max(
    ...BATCHES.map((batch) => Math.abs((b0 + b1 * batch) / decodeSeconds(engine.model, e, t, batch) - 1)),
  );
}
