import type { Job } from 'bullmq';
import type { PoolConfig } from '../config/types.js';
import { type RoutedRequest, routedRequestSchema } from '../contract/request.js';
import type { PoolQueues } from '../queues/pool-queues.js';
import type { QueueDepth } from './depth.js';

/** Jobs at the head of a queue that are looked at; beyond them their mean stands for the rest. */
const SAMPLE = 32;

/**
 * Reads the depth of a pool's queues through BullMQ's public API. Counts are exact; tokens and the split between whole
 * and prefilled requests come from the jobs at the head of the queue (exact while no more than those wait), and so does
 * the oldest wait: order is by deadline, so the head holds the oldest unless clients set deadlines of their own.
 */
export async function readQueueDepth(
  queues: PoolQueues,
  pool: PoolConfig,
  osl: number,
  nowMs: number,
): Promise<QueueDepth> {
  const [decode, prefill] = await Promise.all([
    queues.decode.getJobCounts('waiting', 'prioritized', 'active'),
    queues.prefill.getJobCounts('waiting', 'prioritized', 'active'),
  ]);
  const atDecode = (decode.waiting ?? 0) + (decode.prioritized ?? 0);
  const atPrefill = (prefill.waiting ?? 0) + (prefill.prioritized ?? 0);
  const [lateDecode, latePrefill] = await Promise.all([
    queues.late('decode', SAMPLE),
    queues.late('prefill', SAMPLE),
  ]);
  const [decodeHead, prefillHead] = await Promise.all([
    atDecode > 0 ? head(queues.decode) : [],
    atPrefill > 0 ? head(queues.prefill) : [],
  ]);
  return queueDepth(pool, osl, nowMs, {
    atDecode,
    atPrefill,
    late: [lateOf(lateDecode), lateOf(latePrefill)],
    active: (decode.active ?? 0) + (prefill.active ?? 0),
    decodeHead,
    prefillHead,
  });
}

/** The arithmetic of `readQueueDepth`. */
function queueDepth(
  pool: PoolConfig,
  osl: number,
  nowMs: number,
  seen: {
    atDecode: number;
    atPrefill: number;
    late: readonly { count: number; sample: readonly RoutedRequest[] }[];
    active: number;
    decodeHead: readonly RoutedRequest[];
    prefillHead: readonly RoutedRequest[];
  },
): QueueDepth {
  const { disaggregation, expected } = pool;
  // A request that went prefill -> decode waits here only once its prefill is done.
  const wasPrefilled = (request: RoutedRequest) =>
    // A pool whose form changes serves long prompts whole as a rule: the job itself tells.
    disaggregation.enabled === 'auto'
      ? request.disaggregated === true
      : disaggregation.enabled && request.isl >= disaggregation.minPromptTokens;
  const prefilled = seen.decodeHead.filter(wasPrefilled);
  const share = seen.decodeHead.length === 0 ? 0 : prefilled.length / seen.decodeHead.length;
  const decodeWaiting = Math.round(seen.atDecode * share);
  const whole = seen.decodeHead.filter((request) => !wasPrefilled(request));
  const accepted = [...seen.decodeHead, ...seen.prefillHead].map((request) => request.acceptedAtMs);
  let lateWaiting = 0;
  let lateTokens = 0;
  for (const { count, sample } of seen.late) {
    lateWaiting += count;
    lateTokens += count * meanIsl(sample, expected.isl);
  }
  // The head holds those that are in time, as long as there are any.
  const inTime = Math.max(0, seen.atDecode + seen.atPrefill - lateWaiting);
  const others = seen.atDecode + seen.atPrefill === 0 ? 0 : inTime / (seen.atDecode + seen.atPrefill);
  return {
    prefillWaiting: seen.atPrefill + seen.atDecode - decodeWaiting,
    decodeWaiting,
    lateWaiting,
    lateTokens,
    active: seen.active,
    waitingTokens:
      lateTokens +
      others *
        ((seen.atDecode - decodeWaiting) * meanIsl(whole, expected.isl) +
          seen.atPrefill * meanIsl(seen.prefillHead, expected.isl)),
    waitingKvTokens: others * seen.atDecode * (meanIsl(seen.decodeHead, expected.isl) + osl),
    oldestWaitSeconds: accepted.length === 0 ? null : Math.max(0, nowMs - Math.min(...accepted)) / 1000,
  };
}

function meanIsl(requests: readonly RoutedRequest[], fallback: number): number {
  if (requests.length === 0) return fallback;
  return requests.reduce((sum, request) => sum + request.isl, 0) / requests.length;
}

function lateOf({ count, jobs }: { count: number; jobs: readonly unknown[] }) {
  const sample = jobs.flatMap((job) => {
    const parsed = routedRequestSchema.safeParse(job);
    return parsed.success ? [parsed.data] : [];
  });
  return { count, sample };
}

async function head(queue: PoolQueues['decode']): Promise<RoutedRequest[]> {
  const jobs: (Job | undefined)[] = await queue.getJobs(['waiting', 'prioritized'], 0, SAMPLE - 1, true);
  return jobs.flatMap((job) => {
    const parsed = routedRequestSchema.safeParse(job?.data);
    return parsed.success ? [parsed.data] : [];
  });
}
