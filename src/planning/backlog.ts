import { NONE, type Replicas } from './replicas.js';
import type { Sight } from './sight.js';

/** What stands aside is to be worked off within so long, seconds. */
const CLEAR_SECONDS = 900;
/** As a share of the usual load, what it may come to in that time before a worker is ordered for it. */
const ORDERED_FOR = 0.5;
/** And before one that works it off is kept. */
const KEPT_FOR = 0.05;

/**
 * The work that stands aside. What is late already is no load that could be late: it asks for no worker at any one time, only
 * for one that is idle before long.
 */
export interface Backlog {
  /** Of the usual size. */
  requests: number;
  /** What comes and is to be worked off in time, requests/s. */
  rps: number;
  /** 0..: what working it off in time comes to, over what usually comes; infinite where nothing does. */
  share: number;
}

/** Null: nothing stands aside, or no capacity model tells what it takes. @param expectedRps where no usual rate is known yet */
export function backlogOf({ o, facts, policy, outlook }: Sight, expectedRps: number): Backlog | null {
  const { lateTokens } = o.queue;
  if (lateTokens === null || lateTokens <= 0 || facts.model === null) return null;
  const { classes } = policy.disaggregated ? facts.model.prefill : facts.model.decode;
  const mean = classes.reduce((sum, { share, tokens }) => sum + share * tokens, 0);
  const usual = outlook?.usualRps ?? expectedRps;
  if (mean <= 0) return null;
  const requests = lateTokens / mean;
  const rps = requests / CLEAR_SECONDS;
  return { requests, rps: usual + rps, share: usual > 0 ? rps / usual : Number.POSITIVE_INFINITY };
}

/** It has grown so much that workers are ordered for it. */
export function isHeavy({ share }: Backlog): boolean {
  return share > ORDERED_FOR;
}

/** Too much of it is left to give up what works it off. */
export function isLeft({ share }: Backlog): boolean {
  return share > KEPT_FOR;
}

/** So many workers do what comes and work it off in time. */
export function worksOff(replicas: Replicas, { rps }: Backlog, s: Sight): boolean {
  const { role, each } = perWorker(s);
  return replicas[role] * each >= rps;
}

/** The fewest that do. */
export function needToWorkOff({ rps }: Backlog, s: Sight): Replicas {
  const { role, each } = perWorker(s);
  return each > 0 ? { ...NONE, [role]: Math.ceil(rps / each) } : NONE;
}

/** Requests/s of the pool that a worker of the role that prompts wait for does, never idle. */
function perWorker({ facts: { model }, policy }: Sight): { role: keyof Replicas; each: number } {
  const role = policy.disaggregated ? 'prefill' : 'decode';
  const split = policy.disaggregated ? (model?.split ?? 1) : 1;
  return { role, each: (model?.[role].rps ?? 0) / Math.max(1e-9, split) };
}
