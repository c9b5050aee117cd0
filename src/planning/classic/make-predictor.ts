import { unreachable } from '../../contract/errors.js';
import { ClassicArima } from './arima-predictor.js';
import { ClassicKalman, type ClassicKalmanOptions } from './kalman.js';
import { ClassicConstant, type ClassicPredictor } from './predictors.js';
import { ClassicProphetWindow } from './prophet-window.js';

export interface ClassicPredictorOptions {
  kind: 'constant' | 'arima' | 'kalman' | 'prophet';
  /** Models log(1 + x); the constant predictor knows no such form. */
  log1p: boolean;
  kalman: Omit<ClassicKalmanOptions, 'log1p'>;
  /** Values that Prophet keeps. */
  windowSize: number;
}

/** One of Dynamo's load predictors (LOAD_PREDICTORS). */
export function makePredictor(options: ClassicPredictorOptions): ClassicPredictor {
  switch (options.kind) {
    case 'constant':
      return new ClassicConstant();
    case 'arima':
      return new ClassicArima({ log1p: options.log1p });
    case 'kalman':
      return new ClassicKalman({ ...options.kalman, log1p: options.log1p });
    case 'prophet':
      return new ClassicProphetWindow({ log1p: options.log1p, windowSize: options.windowSize });
    default:
      return unreachable(options.kind);
  }
}
