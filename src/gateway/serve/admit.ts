import { createHash } from 'node:crypto';
import { levelFor } from '../../admission/levels.js';
import { relegatedTo } from '../../admission/relegation.js';
import { SluiceError } from '../../contract/errors.js';
import type { Owner, RoutedRequest, Submission } from '../../contract/request.js';
import type { Heartbeat } from '../../contract/worker.js';
import { take } from '../../tenants/limits.js';
import type { AdmissionRequest, Prospect } from '../admission/admission.js';
import { readyOf } from '../admission/readings.js';
import type { Caller } from '../caller.js';
import type { SendServices } from '../services.js';

/** What a client allows, and by what it is known when it comes again. */
export interface AdmitTerms {
  /** Nobody holds a connection for it: it may wait beyond its target. */
  patient: boolean;
  /** It may be served at a lower level. */
  relegate: boolean;
  digest: () => string;
}

/**
 * Everything that is decided of a request before it is sent: its pool, whether its key may use that level, its key's
 * limits, its turn, and whether it can be in time, there or at a lower level.
 * Errors: of routing, `forbidden`, `rate_limited`, `budget_spent`, `unauthorized`; `overloaded`, with the time to come again.
 */
export async function admit(
  services: SendServices,
  { tenant, key }: Caller,
  submission: Submission,
  id: string,
  terms: AdmitTerms,
): Promise<RoutedRequest> {
  const { client } = services;
  const routed = client.route(submission, id);
  if (key === null) return place(services, routed, { ...terms, tenant, owner: undefined });
  const level = levelFor(routed.level, key, client.scheduler.rankOf);
  const served = level === routed.level ? routed : client.route(atLevel(submission, level), id);
  const owner = { tenant, key: key.id };
  await takePlace(services, key.parts, served).catch((error: unknown) => {
    client.refused(served.pool);
    throw error;
  });
  served.owner = owner;
  try {
    return await place(services, served, { ...terms, tenant, owner });
  } catch (error) {
    // Its turn was only found.
    delete served.share;
    await client.giveTurnBack(served).catch(() => {});
    throw error;
  }
}

/** The request at its pool, or at the first one below that takes it. Errors: `overloaded`. */
async function place(
  { client, admission }: SendServices,
  asked: RoutedRequest,
  { owner, relegate, ...terms }: AdmitTerms & { tenant: string; owner?: Owner | undefined },
): Promise<RoutedRequest> {
  const lower = relegate ? admission.below(asked.pool) : [];
  let refused: { request: AdmissionRequest; prospect: Prospect } | undefined;
  for (const pool of [null, ...lower]) {
    const routed = pool === null ? asked : relegatedTo(asked, pool);
    const predicts = admission.predicts(routed.pool);
    if (owner !== undefined) await client.takeTurn(routed, owner, !predicts);
    if (!predicts) return routed;
    const request = { ...terms, routed };
    const prospect = await admission.consider(request);
    if (prospect.verdict.kind === 'admit') {
      // What it is charged is what others see of it: many may have been found at once.
      if (owner !== undefined) await charge({ client, admission }, routed, owner);
      return routed;
    }
    const keeper = keeperFor(prospect.workers, owner);
    if (keeper !== undefined) client.crowdedOut(routed, keeper);
    delete routed.share;
    refused ??= { request, prospect };
  }
  if (refused === undefined) throw new SluiceError('internal', 'no pool was considered');
  client.turnedAway(asked);
  throw await admission.refuse(refused.request, refused.prospect);
}

/** Takes the turn that was found. One that Redis does not take was not admitted. */
async function charge(
  { client, admission }: Pick<SendServices, 'client' | 'admission'>,
  routed: RoutedRequest,
  owner: Owner,
): Promise<void> {
  try {
    await client.takeTurn(routed, owner);
  } catch (error) {
    admission.hold(routed).dropped();
    throw error;
  }
}

/** The worker that is to keep a place for a refused tenant, the same one each time while the same ones serve. */
function keeperFor(workers: readonly Heartbeat[], owner: Owner | undefined): string | undefined {
  const ready = readyOf(workers, 'vllm').map(({ workerId }) => workerId);
  if (owner === undefined || ready.length === 0) return undefined;
  return ready.sort()[createHash('sha1').update(owner.tenant).digest().readUInt32BE() % ready.length];
}

async function takePlace(
  { redis, keys, client }: SendServices,
  parts: { id: string; hash: string },
  { id, isl, maxTokens }: RoutedRequest,
): Promise<void> {
  const asked = () => take(redis, keys, parts, id, isl + maxTokens);
  let taken = await asked();
  if (taken.kind === 'refused' && taken.stale.length > 0) {
    // Places of requests whose end nobody could tell (a process died in that moment) come free here.
    let freed = false;
    for (const stale of taken.stale) freed = (await client.settleIfEnded(stale, parts.id)) || freed;
    if (freed) taken = await asked();
  }
  if (taken.kind === 'refused') throw taken.error;
}

/** The same request at another level. */
export function atLevel({ service_tier: _, ...submission }: Submission, level: string): Submission {
  return { ...submission, slo_level: level };
}
