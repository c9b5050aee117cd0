import { z } from 'zod';

const replicaCount = z.number().int().min(0).max(4096);
export const replicasSchema = z.object({ prefill: replicaCount, decode: replicaCount });
/** Workers by role; `decode` stands for aggregated workers too. */
export type Replicas = z.output<typeof replicasSchema>;

export const NONE: Replicas = { prefill: 0, decode: 0 };

export function same(a: Replicas, b: Replicas): boolean {
  return a.prefill === b.prefill && a.decode === b.decode;
}

/** Whether `a` has more of some role than `b`. */
export function exceeds(a: Replicas, b: Replicas): boolean {
  return a.prefill > b.prefill || a.decode > b.decode;
}

/** The larger of each role. */
export function atLeast(a: Replicas, b: Replicas): Replicas {
  return { prefill: Math.max(a.prefill, b.prefill), decode: Math.max(a.decode, b.decode) };
}

export function show(r: Replicas): string {
  return r.prefill > 0 ? `${r.prefill} prefill + ${r.decode} decode` : `${r.decode}`;
}

/** What bounds the replicas of a pool. */
interface Limits {
  /** GPUs per worker, by role. */
  tp: Replicas;
  gpuCeiling: number;
  maxWorkers: number;
}

export function gpusOf(r: Replicas, policy: Pick<Limits, 'tp'>): number {
  return r.prefill * policy.tp.prefill + r.decode * policy.tp.decode;
}

/** Inside the GPU budget and the most workers. */
export function fits(r: Replicas, policy: Limits): boolean {
  return r.prefill + r.decode <= policy.maxWorkers && gpusOf(r, policy) <= policy.gpuCeiling;
}

/**
 * As much of `want` as the limits allow, never less than `base` (which must fit): workers are added one at a time
 * to the role that has the smaller share of what it wants, decode first, so that a short budget is split evenly.
 */
export function growWithin(base: Replicas, want: Replicas, policy: Limits): Replicas {
  const have = { ...base };
  const roomFor = (role: keyof Replicas) =>
    have[role] < want[role] && fits({ ...have, [role]: have[role] + 1 }, policy);
  // The limits bound the loop: each round adds a worker that costs at least one GPU.
  for (;;) {
    const roles = (['decode', 'prefill'] as const).filter(roomFor);
    const role = roles.reduce<keyof Replicas | null>(
      (best, next) => (best === null || have[next] / want[next] < have[best] / want[best] ? next : best),
      null,
    );
    if (role === null) return have;
    have[role]++;
  }
}

/** The replicas themselves where they fit, else the largest even part of them that does. */
export function trim(r: Replicas, policy: Limits): Replicas {
  return fits(r, policy) ? r : growWithin(NONE, r, policy);
}

/** What is ordered, raised to the floor: where both do not fit, the floor stays whole and what is left is split. Both fit alone. */
export function raisedTo(floor: Replicas, ordered: Replicas, policy: Limits): Replicas {
  const both = atLeast(ordered, floor);
  return fits(both, policy) ? both : growWithin(floor, both, policy);
}

/** What an idle pool keeps: the floor, with its prefill workers where disaggregation is on and the floor is not 0. */
export function floorOf(floor: number, policy: Limits & { minPrefill: number }): Replicas {
  return trim({ prefill: floor > 0 ? policy.minPrefill : 0, decode: floor }, policy);
}
