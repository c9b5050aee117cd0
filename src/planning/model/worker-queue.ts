import type { WorkerModel } from '../../profile/worker-model.js';

/** Waits from 0 to the longest that are told apart. */
export const WAITS = 64;

/** Consecutive waits at which the same classes queue. */
export interface QueueStage {
  /** How many of the `WAITS`. */
  waits: number;
  /** 0..1 of requests that stand aside, and of their prompt work. */
  late: number;
  lateWork: number;
  /** Worker seconds of those that queue, and their squares, as means over all requests. */
  work: number;
  squares: number;
}

/** What queues for workers of one model; how many workers and requests there are, it does not know. */
export interface WorkerQueue {
  /** Requests/s of one worker that is never idle. */
  rps: number;
  /** Between two of the waits; the first is half of it. */
  stepSeconds: number;
  /** Worker seconds of a request, mean. */
  work: number;
  /** By wait, shortest first. Empty: no request is in time, not even alone. */
  stages: readonly QueueStage[];
  /** Prompts that are late even where none waits before them; they are computed all the same, and hold up who comes meanwhile. */
  hopeless: readonly Hopeless[];
  /** The longest wait of the others, seconds, mean. */
  patienceSeconds: number;
}

/** Prompts of about one length that always stand aside. */
export interface Hopeless {
  /** 0..1 of all requests. */
  share: number;
  /** What a worker computes of one before others have their turn. */
  seconds: number;
}

/** `aimSeconds`: a request whose first token is predicted later than this stands aside. */
export function workerQueue({ rps, classes }: WorkerModel, aimSeconds: number): WorkerQueue {
  let shortest = Number.POSITIVE_INFINITY;
  let work = 0;
  for (const { share, workSeconds, ownSeconds } of classes) {
    shortest = Math.min(shortest, ownSeconds);
    work += share * workSeconds;
  }
  const stepSeconds = (aimSeconds - shortest) / WAITS;
  if (!(rps > 0) || !(stepSeconds > 0))
    return { rps, stepSeconds: 0, work, stages: [], hopeless: [], patienceSeconds: 0 };
  const stages: QueueStage[] = [];
  let stage: QueueStage | null = null;
  let longestOwn = Number.POSITIVE_INFINITY;
  for (let k = 0; k < WAITS; k++) {
    const wait = (k + 0.5) * stepSeconds;
    if (stage !== null && wait + longestOwn <= aimSeconds) {
      stage.waits++;
      continue;
    }
    stage = { waits: 1, late: 0, lateWork: 0, work: 0, squares: 0 };
    stages.push(stage);
    longestOwn = Number.NEGATIVE_INFINITY;
    for (const { share, workSeconds, ownSeconds } of classes) {
      if (wait + ownSeconds > aimSeconds) {
        stage.late += share;
        continue;
      }
      longestOwn = Math.max(longestOwn, ownSeconds);
      stage.work += share * workSeconds;
      stage.squares += share * workSeconds * workSeconds;
    }
    stage.lateWork = 1 - stage.work / work;
  }
  const inTime = classes.filter(({ ownSeconds }) => stepSeconds / 2 + ownSeconds <= aimSeconds);
  const hopeless = classes
    .filter((one) => !inTime.includes(one))
    .map(({ share, ownSeconds }) => ({ share, seconds: ownSeconds }));
  const others = inTime.reduce((sum, { share }) => sum + share, 0);
  const own = inTime.reduce((sum, { share, ownSeconds }) => sum + share * ownSeconds, 0);
  const patienceSeconds = others > 0 ? aimSeconds - own / others : 0;
  return { rps, stepSeconds, work, stages, hopeless, patienceSeconds };
}
