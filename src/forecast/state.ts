import { z } from 'zod';
import { calibrationStateSchema } from './bands/calibration.js';
import { arimaStateSchema } from './models/arima.js';
import { combinedStateSchema } from './models/combined.js';
import { constantStateSchema } from './models/constant.js';
import { kalmanStateSchema } from './models/kalman.js';
import { linearStateSchema } from './models/linear.js';
import { seasonalStateSchema } from './models/seasonal.js';
import { noiseStateSchema } from './noise.js';

const single = {
  constant: constantStateSchema,
  linear: linearStateSchema,
  arima: arimaStateSchema,
  kalman: kalmanStateSchema,
  seasonal: seasonalStateSchema,
};
const base = {
  version: z.literal(1),
  binSeconds: z.number().positive(),
  noise: noiseStateSchema,
  calibration: calibrationStateSchema,
};

/** A forecaster at rest, plain JSON. */
export const forecasterStateSchema = z.discriminatedUnion('name', [
  z.object({ ...base, name: z.literal('constant'), model: single.constant }),
  z.object({ ...base, name: z.literal('linear'), model: single.linear }),
  z.object({ ...base, name: z.literal('arima'), model: single.arima }),
  z.object({ ...base, name: z.literal('kalman'), model: single.kalman }),
  z.object({ ...base, name: z.literal('seasonal'), model: single.seasonal }),
  z.object({
    ...base,
    name: z.literal('combined'),
    model: z.object({ ...single, combination: combinedStateSchema }),
  }),
]);
export type ForecasterState = z.output<typeof forecasterStateSchema>;
