import type { FastifyInstance } from 'fastify';
import type { PoolConfig } from '../../config/types.js';
import type { RoutedRequest } from '../../contract/request.js';
import type { Prospect } from '../admission/admission.js';
import { type Caller, callerOf } from '../caller.js';
import { readEither } from '../openai/endpoints.js';
import { tierOf } from '../openai/format.js';
import { submissionOf } from '../openai/submission.js';
import { atLevel } from '../serve/admit.js';
import { termsOf } from '../serve/submit.js';
import type { GatewayServices } from '../services.js';

/**
 * `POST /v1/quote`: what would become of this request now, at each level that its sender may use: admitted or not, by the
 * prediction that admits requests too, and its price. Nothing is sent or kept.
 */
export function quote(app: FastifyInstance, services: GatewayServices): void {
  const { client, config } = services;
  app.post('/v1/quote', async (request) => {
    const asked = readEither(request.body);
    const caller = callerOf(request);
    const { endpoint, body, prompt } = asked;
    const submission = submissionOf(endpoint, body, prompt, request.headers, config.gateway.defaultMaxTokens);
    const routed = client.route(submission, 'quote');
    const pools = Object.values(config.pools)
      .filter((pool) => pool.model === routed.model && mayUse(services, caller, pool.level))
      .toSorted((a, b) => a.priority - b.priority);
    const { digest } = termsOf(request.headers, asked);
    const levels = await Promise.all(
      pools.map(async (pool) => {
        const here = client.route(atLevel(submission, pool.level), 'quote');
        const prospect = await consider(services, caller, here, digest);
        return levelQuote(pool, here, prospect, config.pricing.usdPerGpuHour);
      }),
    );
    return {
      object: 'quote',
      model: routed.model,
      slo_level: routed.level,
      prompt_tokens: routed.isl,
      max_tokens: routed.maxTokens,
      levels,
    };
  });
}

function mayUse({ client }: GatewayServices, { key }: Caller, level: string): boolean {
  if (key === null || key.maxLevel === null) return true;
  const [asked, highest] = [client.scheduler.rankOf(level), client.scheduler.rankOf(key.maxLevel)];
  return asked !== undefined && highest !== undefined && asked >= highest;
}

/** By where it would stand in the fair order. */
async function consider(
  { client, admission }: GatewayServices,
  { tenant, key }: Caller,
  routed: RoutedRequest,
  digest: () => string,
): Promise<Prospect> {
  if (key !== null) await client.takeTurn(routed, { tenant, key: key.id }, false);
  return admission.consider({ routed, tenant, digest, patient: false }, true);
}

function levelQuote(
  pool: PoolConfig,
  { acceptedAtMs, deadlineMs, targets }: RoutedRequest,
  { verdict, prediction, capacity }: Prospect,
  usdPerGpuHour: number,
) {
  const admitted = verdict.kind === 'admit' || pool.admission.policy === 'queue';
  const priced = capacity.gpuSeconds > 0;
  return {
    slo_level: pool.level,
    service_tier: tierOf(pool.level),
    admitted,
    reason: admitted ? null : verdict.why,
    /** Of a request that is refused now, if nothing else came; a refusal itself says when it is promised. */
    retry_after_seconds: admitted ? null : finite(Math.max(1, Math.ceil(verdict.waitSeconds))),
    predicted: {
      start_seconds: finite(prediction.startSeconds),
      ttft_seconds: finite(prediction.ttftSeconds),
      finish_seconds: finite(prediction.finishSeconds),
    },
    targets: {
      ttft_seconds: (deadlineMs - acceptedAtMs) / 1000,
      itl_seconds: targets?.itlSeconds ?? pool.targets.itlSeconds,
    },
    price: {
      usd: priced ? round((capacity.gpuSeconds * usdPerGpuHour) / 3600, 9) : null,
      gpu_seconds: priced ? round(capacity.gpuSeconds, 6) : null,
    },
  };
}

function finite(seconds: number): number | null {
  return Number.isFinite(seconds) ? round(seconds, 3) : null;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
