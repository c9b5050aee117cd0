import type { LoadPredictorName } from '../config/types.js';
import { unreachable } from '../contract/errors.js';
import { ArimaPredictor } from './arima.js';
import { ConstantPredictor } from './constant.js';
import { LinearPredictor } from './linear.js';
import type { LoadPredictor } from './predictor.js';

export function createPredictor(name: LoadPredictorName): LoadPredictor {
  switch (name) {
    case 'constant':
      return new ConstantPredictor();
    case 'linear':
      return new LinearPredictor();
    case 'arima':
      return new ArimaPredictor();
    default:
      return unreachable(name);
  }
}
