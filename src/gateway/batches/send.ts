import type { RequestHandle } from '../../scheduler/client.js';
import { findKey } from '../../tenants/key-store.js';
import type { Caller } from '../caller.js';
import { submissionOf } from '../openai/submission.js';
import { admit } from '../serve/admit.js';
import { sendAs } from '../serve/submit.js';
import type { SendServices } from '../services.js';
import type { Batch } from './batch.js';
import { type Line, readBody } from './lines.js';

/**
 * Sends a line of a batch under its id, at the batch's level, due by the end of the batch's window. It counts against the key that
 * the batch was made with. Errors: as of `readBody` and `admit`.
 */
export async function sendLine(
  services: SendServices,
  batch: Batch,
  line: Line,
  id: string,
): Promise<RequestHandle> {
  const { config, now } = services;
  const { endpoint, body, prompt } = readBody(batch.endpoint, line);
  const { service_tier: _, ...submission } = submissionOf(
    endpoint,
    body,
    prompt,
    {},
    config.gateway.defaultMaxTokens,
  );
  const leftMs = Math.max(1, Math.round(batch.expiresAt * 1000 - now()));
  const due = { slo_level: batch.level, deadline_ms: leftMs, slo: { ttft_ms: leftMs } };
  const terms = { patient: true, relegate: false, digest: () => id };
  const caller = await callerOf(services, batch);
  return sendAs(services, id, () => admit(services, caller, { ...submission, ...due }, id, terms), {});
}

async function callerOf({ redis, keys }: SendServices, { tenant, keyId }: Batch): Promise<Caller> {
  const key = keyId === null ? undefined : await findKey(redis, keys, keyId);
  return { tenant, key: key === undefined ? null : { ...key, parts: { id: key.id, hash: key.hash } } };
}
