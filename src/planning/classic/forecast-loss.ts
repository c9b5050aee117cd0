/** Mean load of one window. */
export interface LoadWindow {
  requests: number;
  isl: number;
  osl: number;
}

/**
 * Dynamo's loss of a one-step forecast (simulation/load_predictor.py): with e(a, b) = |log1p(a) - log1p(b)|, values
 * below 0 counting as 0, 0.4 e(prompt tokens) + 0.4 e(output tokens) + 0.1 e(isl) + 0.1 e(osl).
 */
export function forecastLoss(forecast: LoadWindow, actual: LoadWindow): number {
  return (
    0.4 * logError(forecast.requests * forecast.isl, actual.requests * actual.isl) +
    0.4 * logError(forecast.requests * forecast.osl, actual.requests * actual.osl) +
    0.1 * logError(forecast.isl, actual.isl) +
    0.1 * logError(forecast.osl, actual.osl)
  );
}

function logError(forecast: number, actual: number): number {
  return Math.abs(Math.log1p(Math.max(forecast, 0)) - Math.log1p(Math.max(actual, 0)));
}
