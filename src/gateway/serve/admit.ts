import { levelFor } from '../../admission/levels.js';
import type { RoutedRequest, Submission } from '../../contract/request.js';
import { take } from '../../tenants/limits.js';
import type { Caller } from '../caller.js';
import type { GatewayServices } from '../services.js';

/**
 * Everything that is decided of a request before it is sent: its pool, whether its key may use that level, its key's
 * limits, and its turn. Errors: of routing, `forbidden`, `rate_limited`, `budget_spent`, `unauthorized`.
 */
export async function admit(
  services: GatewayServices,
  { tenant, key }: Caller,
  submission: Submission,
  id: string,
): Promise<RoutedRequest> {
  const { client } = services;
  const routed = client.route(submission, id);
  if (key === null) return routed;
  const level = levelFor(routed.level, key, client.scheduler.rankOf);
  const served = level === routed.level ? routed : client.route(atLevel(submission, level), id);
  const owner = { tenant, key: key.id };
  await takePlace(services, key.parts, served).catch((error: unknown) => {
    client.refused(served.pool);
    throw error;
  });
  served.owner = owner;
  try {
    await client.takeTurn(served, owner);
  } catch (error) {
    await client.giveTurnBack(served).catch(() => {});
    throw error;
  }
  return served;
}

async function takePlace(
  { redis, keys, client }: GatewayServices,
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
function atLevel({ service_tier: _, ...submission }: Submission, level: string): Submission {
  return { ...submission, slo_level: level };
}
