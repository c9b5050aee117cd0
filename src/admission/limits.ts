import type { z } from 'zod';
import type { Config, PoolConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import {
  type ParsedSubmission,
  type RoutedRequest,
  SERVICE_TIERS,
  submissionSchema,
} from '../contract/request.js';
import { estimateTokens } from '../contract/tokens.js';

/** One line for a zod error: each path, what was expected, what came. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.length > 0 ? issue.path.join('.') : 'body'}: ${issue.message}`)
    .join('; ');
}

/** Parses what a client sent. Errors: `invalid_request`, naming each wrong field. */
export function parseSubmission(input: unknown): ParsedSubmission {
  const parsed = submissionSchema.safeParse(input);
  if (!parsed.success) throw new SluiceError('invalid_request', describeIssues(parsed.error));
  return parsed.data;
}

/**
 * The SLO level that a submission asks for. Errors: `unknown_level` for a level or tier that no pool serves,
 * `invalid_request` when `slo_level` and `service_tier` contradict each other.
 */
export function requestedLevel(
  submission: ParsedSubmission,
  levels: ReadonlySet<string>,
  defaultLevel: string,
): string {
  const fromTier = tierLevel(submission.service_tier, levels);
  const level = submission.slo_level ?? fromTier ?? defaultLevel;
  if (!levels.has(level)) {
    throw new SluiceError(
      'unknown_level',
      `slo_level: expected one of ${[...levels].join(', ')}, got ${JSON.stringify(level)}`,
    );
  }
  if (submission.slo_level !== undefined && fromTier !== undefined && fromTier !== submission.slo_level) {
    throw new SluiceError(
      'invalid_request',
      `slo_level ${JSON.stringify(submission.slo_level)} and service_tier ${JSON.stringify(submission.service_tier)} (level ${fromTier}) contradict each other; send one`,
    );
  }
  return level;
}

/** Tiers by which OpenAI's clients leave the level to the service. */
const ANY_TIER: readonly (string | undefined)[] = [undefined, 'auto', 'scale'];

function tierLevel(tier: string | undefined, levels: ReadonlySet<string>): string | undefined {
  const known: Record<string, string | undefined> = SERVICE_TIERS;
  if (tier !== undefined && Object.hasOwn(known, tier)) return known[tier];
  if (tier !== undefined && levels.has(tier)) return tier;
  if (ANY_TIER.includes(tier)) return undefined;
  throw new SluiceError(
    'unknown_level',
    `service_tier: expected auto, scale, ${Object.keys(known).join(', ')} or a level, got ${JSON.stringify(tier)}`,
  );
}

/** ISL of an admitted prompt, tokens. Errors: `prompt_too_long`, `invalid_request` beyond the configured limits. */
export function checkLengths(submission: ParsedSubmission, config: Config): number {
  const { maxPromptTokens, maxOutputTokens } = config.limits;
  // Four characters a token at most, so a text beyond that length needs no count.
  const isl =
    submission.prompt.length > maxPromptTokens * 64
      ? Number.POSITIVE_INFINITY
      : estimateTokens(submission.prompt);
  if (isl > maxPromptTokens) {
    throw new SluiceError(
      'prompt_too_long',
      `prompt: expected at most ${maxPromptTokens} tokens (limits.max_prompt_tokens), got ${Number.isFinite(isl) ? isl : `${submission.prompt.length} characters`}`,
    );
  }
  if (submission.max_tokens > maxOutputTokens) {
    throw new SluiceError(
      'invalid_request',
      `max_tokens: expected at most ${maxOutputTokens} (limits.max_output_tokens), got ${submission.max_tokens}`,
    );
  }
  if (isl < 1) throw new SluiceError('invalid_request', 'prompt: expected a text with at least one word');
  return isl;
}

/** When the request's first token is due and when it expires if it still waits, Unix ms. */
export function deadlinesOf(
  submission: Pick<ParsedSubmission, 'slo' | 'deadline_ms'>,
  pool: PoolConfig,
  acceptedAtMs: number,
): { deadlineMs: number; expiresAtMs: number | undefined } {
  const target = acceptedAtMs + Math.round(submission.slo?.ttft_ms ?? pool.targets.ttftSeconds * 1000);
  const own = submission.deadline_ms === undefined ? undefined : acceptedAtMs + submission.deadline_ms;
  const queueTimeout =
    pool.queueTimeoutSeconds === null
      ? undefined
      : acceptedAtMs + Math.round(pool.queueTimeoutSeconds * 1000);
  return { deadlineMs: own === undefined ? target : Math.min(target, own), expiresAtMs: own ?? queueTimeout };
}

/** The error that a waiting request ends with once its time is over; undefined: it may wait. @param nowMs Unix ms */
export function expiry(
  { expiresAtMs }: { expiresAtMs?: number | undefined },
  nowMs: number,
): SluiceError | undefined {
  if (expiresAtMs === undefined || nowMs <= expiresAtMs) return undefined;
  const late = ((nowMs - expiresAtMs) / 1000).toFixed(1);
  return new SluiceError('expired', `its deadline passed ${late} s ago while it waited in the queue`);
}

/** Targets that a request brings itself; undefined: those of its pool count. */
export function ownTargets({ slo }: ParsedSubmission): RoutedRequest['targets'] {
  if (slo?.ttft_ms === undefined && slo?.itl_ms === undefined) return undefined;
  const targets: NonNullable<RoutedRequest['targets']> = {};
  if (slo.ttft_ms !== undefined) targets.ttftSeconds = slo.ttft_ms / 1000;
  if (slo.itl_ms !== undefined) targets.itlSeconds = slo.itl_ms / 1000;
  return targets;
}
