import type { LoadWindow } from './forecast-loss.js';
import type { ClassicPredictor } from './predictors.js';

/**
 * Requests, ISL and OSL, each with a predictor of its own (Dynamo's BuiltinLoadPredict). In an idle interval the mean
 * lengths are not defined: the last ones seen are told again, and nothing before any request was seen.
 */
export class ClassicTraffic {
  readonly requests: ClassicPredictor;
  readonly isl: ClassicPredictor;
  readonly osl: ClassicPredictor;
  #seen = false;
  #lastIsl = 0;
  #lastOsl = 0;

  constructor(make: () => ClassicPredictor) {
    this.requests = make();
    this.isl = make();
    this.osl = make();
  }

  observe(window: LoadWindow): void {
    this.requests.add(window.requests);
    if (window.requests > 0) {
      this.#seen = true;
      if (Number.isFinite(window.isl)) this.#lastIsl = window.isl;
      if (Number.isFinite(window.osl)) this.#lastOsl = window.osl;
    }
    const idle = window.requests === 0 && this.#seen;
    const isl = idle ? this.#lastIsl : window.isl;
    const osl = idle ? this.#lastOsl : window.osl;
    if (Number.isFinite(isl)) this.isl.add(isl);
    if (Number.isFinite(osl)) this.osl.add(osl);
  }

  predictNext(): LoadWindow {
    return {
      requests: this.requests.predictNext(),
      isl: this.isl.predictNext(),
      osl: this.osl.predictNext(),
    };
  }
}
