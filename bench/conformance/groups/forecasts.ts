import { z } from 'zod';
import { forecastLoss } from '../../../src/planning/classic/forecast-loss.js';
import { makePredictor } from '../../../src/planning/classic/make-predictor.js';
import { mockDecodeMs, mockPrefillMs } from '../../../src/planning/classic/mock-engine.js';
import type { ClassicPredictor } from '../../../src/planning/classic/predictors.js';
import { ClassicTraffic } from '../../../src/planning/classic/traffic.js';
import { number } from '../cases.js';
import { type Group, type GroupContext, group } from './group.js';

const predictorSchema = z.object({
  predictor: z.enum(['constant', 'arima', 'kalman', 'prophet']).default('constant'),
  log1p: z.boolean().default(false),
  q_level: number.default(1),
  q_trend: number.default(0.1),
  r: number.default(10),
  min_points: z.number().default(5),
  clamp: z.boolean().default(false),
  window_size: z.number().default(50),
});
const seriesSchema = predictorSchema.extend({
  data: z.array(number),
  predict_called_after_each: z.boolean().optional(),
});
const trafficSchema = predictorSchema.extend({
  traffic: z.array(z.object({ num_req: number, isl: number, osl: number })),
});

export const loadPredictor: Group = (inputs, context) =>
  ('traffic' in inputs ? trafficGroup : seriesGroup)(inputs, context);

/** Told a whole series; asked after each value where the case says or expects so, else once at the end. */
const seriesGroup: Group = group(seriesSchema, (inputs, { wants }: GroupContext) => {
  const each = inputs.predict_called_after_each ?? wants.has('predict_next_after_each');
  const predictor = make(inputs);
  const after: number[] = [];
  for (const value of inputs.data) {
    predictor.add(value);
    if (each) after.push(predictor.predictNext());
  }
  return {
    buffer: predictor.buffer,
    buffer_len: predictor.buffer.length,
    ...(wants.has('predict_next') ? { predict_next: predictor.predictNext() } : {}),
    ...(each ? { predict_next_after_each: after } : {}),
  };
});

const trafficGroup: Group = group(trafficSchema, (inputs, { wants }) => {
  const traffic = new ClassicTraffic(() => make(inputs));
  for (const { num_req, isl, osl } of inputs.traffic) traffic.observe({ requests: num_req, isl, osl });
  const next = [...wants].some((field) => field.startsWith('predict')) ? traffic.predictNext() : null;
  return {
    num_req_buffer: traffic.requests.buffer,
    isl_buffer: traffic.isl.buffer,
    osl_buffer: traffic.osl.buffer,
    ...(next === null
      ? {}
      : { predicted_num_req: next.requests, predicted_isl: next.isl, predicted_osl: next.osl }),
  };
});

function make(inputs: z.infer<typeof predictorSchema>): ClassicPredictor {
  return makePredictor({
    kind: inputs.predictor,
    log1p: inputs.log1p,
    kalman: {
      qLevel: inputs.q_level,
      qTrend: inputs.q_trend,
      r: inputs.r,
      minPoints: inputs.min_points,
      clamp: inputs.clamp,
    },
    windowSize: inputs.window_size,
  });
}

const lossSchema = z.object({
  n_hat: number,
  isl_hat: number,
  osl_hat: number,
  num_req: number,
  isl: number,
  osl: number,
});

export const loss: Group = group(lossSchema, (inputs) => ({
  loss: forecastLoss(
    { requests: inputs.n_hat, isl: inputs.isl_hat, osl: inputs.osl_hat },
    { requests: inputs.num_req, isl: inputs.isl, osl: inputs.osl },
  ),
}));

const mockSchema = z.union([
  z.object({ new_prefill_tokens: number }),
  z.object({ active_kv_fraction: number }),
]);

export const mockLatency: Group = group(mockSchema, (inputs) =>
  'new_prefill_tokens' in inputs
    ? { prefill_ms: mockPrefillMs(inputs.new_prefill_tokens) }
    : { decode_ms: mockDecodeMs(inputs.active_kv_fraction) },
);
