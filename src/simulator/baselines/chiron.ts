import type { ScalerInput } from '../run/scaler.js';
import { constantsOf } from './constants.js';
import { concurrency } from './metrics.js';
import type { BaselinePolicy } from './policy.js';
import type { Look, ScalingRule, Wish } from './rule.js';
import { RuleScaler } from './rule-scaler.js';
import { WorkerModel } from './worker-model.js';

const PUBLISHED = {
  intervalSeconds: 5,
  /** Share of the instances that should be running interactive requests. */
  theta: 1 / 3,
  /** Distance from theta within which nothing changes. */
  band: 0.05,
  /** An instance is filled by the requests that it holds at this share of the load that it sustains. */
  batchLoad: 1,
};
type Constants = Readonly<Record<keyof typeof PUBLISHED, number>>;

/**
 * The instances that bring the interactive backpressure IBP = running / total back to theta, where it is further from it
 * than the band: ceil(running / theta). `running`: instances that it takes to run the requests, each with the batch at which
 * it just meets the SLO.
 */
export function chironInstances(
  running: number,
  total: number,
  { theta, band }: Pick<Constants, 'theta' | 'band'>,
): number {
  if (total > 0 && Math.abs(running / total - theta) <= band) return total;
  return Math.ceil(running / theta);
}

class Chiron implements ScalingRule {
  readonly #model: WorkerModel;

  constructor(
    input: ScalerInput,
    private readonly constants: Constants,
  ) {
    this.#model = new WorkerModel(input);
  }

  wish({ seen, ordered }: Look): Wish | null {
    const requests = concurrency(seen);
    const batch = this.#model.concurrencyAt(seen, this.constants.batchLoad);
    if (requests === null || batch <= 0) return null;
    const running = Math.ceil(requests / batch);
    const decode = chironInstances(running, ordered, this.constants);
    return {
      decode,
      why: `${running} of ${ordered} instances run interactive requests, theta ${this.constants.theta.toFixed(2)}`,
    };
  }
}

/**
 * Chiron's global autoscaler for interactive requests. Source: Patke et al., "Hierarchical Autoscaling for Large Language
 * Model Serving with Chiron", arXiv 2501.08090: interactive backpressure = instances running interactive requests over
 * interactive and mixed instances, held at theta by over-provisioning; the local autoscaler sets each instance's batch so
 * that ITL just meets the SLO. The batch part (queue of requests with deadlines of hours) has nothing to do in a pool of
 * one level. Not published, or not found in what could be read: period (here 5 s) and dead band (0.05). The batch is the profile's
 * concurrency at capacity instead of the local autoscaler's search, and workers take requests as they come, so the running
 * instances are those that the requests would fill. The grid has theta 0.6, the value of the authors of SageServe in their
 * re-implementation (kjain1810/SageServe arbiter.py, ChironArbiter), and smaller batches.
 */
export const chiron: BaselinePolicy = {
  name: 'chiron',
  title: 'Chiron',
  source: 'arXiv 2501.08090; kjain1810/SageServe arbiter.py (ChironArbiter)',
  grid: [
    PUBLISHED,
    { ...PUBLISHED, theta: 0.6 },
    { ...PUBLISHED, theta: 0.6, batchLoad: 0.9 },
    { ...PUBLISHED, theta: 0.8, batchLoad: 0.8 },
    { ...PUBLISHED, theta: 0.8, batchLoad: 0.8, intervalSeconds: 60 },
  ],
  create(input, given) {
    const constants = constantsOf('chiron', PUBLISHED, given);
    const options = { intervalSeconds: constants.intervalSeconds, minReplicas: 1 };
    return new RuleScaler(input, options, new Chiron(input, constants));
  },
};
