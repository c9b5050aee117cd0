import type { IncomingHttpHeaders } from 'node:http';
import { SluiceError } from '../../contract/errors.js';
import type { OpenaiParams } from '../../contract/openai.js';
import type { Submission } from '../../contract/request.js';
import type { AnyBody } from './schemas.js';

/** What Sluice decides itself and no engine is told. */
const OURS = new Set([
  'model',
  'stream',
  'stream_options',
  'n',
  'max_tokens',
  'max_completion_tokens',
  'slo_level',
  'service_tier',
  'slo',
  'deadline_ms',
  'relegate',
]);

/**
 * The submission that an OpenAI body stands for. `slo_level` may also come as the header `x-slo-level`.
 * Errors: `invalid_request` when body and header contradict each other.
 */
export function submissionOf(
  endpoint: OpenaiParams['endpoint'],
  body: AnyBody,
  prompt: string,
  headers: IncomingHttpHeaders,
  defaultMaxTokens: number,
): Submission {
  const submission: Submission = {
    prompt,
    max_tokens: maxTokensOf(body) ?? defaultMaxTokens,
    params: { openai: { endpoint, body: engineBody(endpoint, body) } },
  };
  const level = levelOf(body.slo_level ?? undefined, headers['x-slo-level']);
  if (level !== undefined) submission.slo_level = level;
  if (body.service_tier != null) submission.service_tier = body.service_tier;
  if (body.model != null) submission.model = body.model;
  if (body.deadline_ms != null) submission.deadline_ms = body.deadline_ms;
  if (body.slo != null) submission.slo = body.slo;
  return submission;
}

function maxTokensOf(body: AnyBody): number | undefined {
  const newer = 'max_completion_tokens' in body ? body.max_completion_tokens : undefined;
  return (typeof newer === 'number' ? newer : undefined) ?? body.max_tokens ?? undefined;
}

function engineBody(endpoint: OpenaiParams['endpoint'], body: AnyBody): Record<string, unknown> {
  const kept = Object.entries(body).filter(
    // A prompt that is a text is the job's own prompt already.
    ([name, value]) =>
      !OURS.has(name) && !(endpoint === 'completions' && name === 'prompt' && typeof value === 'string'),
  );
  return Object.fromEntries(kept);
}

function levelOf(inBody: string | undefined, header: string | string[] | undefined): string | undefined {
  const inHeader = Array.isArray(header) ? header[0] : header;
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader) {
    throw new SluiceError(
      'invalid_request',
      `slo_level: ${JSON.stringify(inBody)} in the body and ${JSON.stringify(inHeader)} in x-slo-level contradict each other; send one`,
    );
  }
  return inBody ?? inHeader;
}
