import { z } from 'zod';
import { calibrationStateSchema } from './bands/calibration.js';
import { arimaStateSchema } from './models/arima.js';
import { combinedStateSchema } from './models/combined.js';
import { constantStateSchema } from './models/constant.js';
import { kalmanStateSchema } from './models/kalman.js';
import { linearStateSchema } from './models/linear.js';
import { seasonalStateSchema } from './models/seasonal.js';
import { noiseStateSchema } from './noise.js';

const base = {
  version: z.literal(1),
  binSeconds: z.number().positive(),
  noise: noiseStateSchema,
  calibration: calibrationStateSchema,
  /** Largest rate seen, fading, requests/s; absent: none, or of before it was kept. */
  largest: z.number().min(0).optional(),
};

/** A forecaster at rest, plain JSON. */
export const forecasterStateSchema = z.discriminatedUnion('name', [
  z.object({ ...base, name: z.literal('constant'), model: constantStateSchema }),
  z.object({ ...base, name: z.literal('linear'), model: linearStateSchema }),
  z.object({ ...base, name: z.literal('arima'), model: arimaStateSchema }),
  z.object({ ...base, name: z.literal('kalman'), model: kalmanStateSchema }),
  z.object({ ...base, name: z.literal('seasonal'), model: seasonalStateSchema }),
  z.object({
    ...base,
    name: z.literal('combined'),
    model: z.object({
      constant: constantStateSchema,
      linear: linearStateSchema,
      arima: arimaStateSchema,
      seasonal: seasonalStateSchema,
      combination: combinedStateSchema,
    }),
  }),
]);
export type ForecasterState = z.output<typeof forecasterStateSchema>;
